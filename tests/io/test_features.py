import hashlib
import multiprocessing
import os
import pickle

import h5py
import numpy as np
import pytest

from vocoders.errors import InputError
from vocoders.io import bench, features
from vocoders.io.features import FeatureReader, FeatureWriter, write_index

HOP = 4


def contents(seed=0, frames=(7, 3, 12)):
    generator = np.random.default_rng(seed)
    waves = [generator.integers(-32768, 32767, HOP * length).astype(np.int16) for length in frames]
    mels = [generator.normal(size=(length, 5)).astype(np.float32) for length in frames]
    return {f"utt-{number}": pair for number, pair in enumerate(zip(waves, mels))}


def write(directory, utterances, parts=2):
    names = sorted(utterances)
    for part in range(parts):
        with FeatureWriter(directory / f"feats.{part + 1}.h5", hop_size=HOP) as writer:
            for name in names[part::parts]:
                writer.write(name, *utterances[name])
    write_index(directory)


def test_round_trip_whole_and_in_pieces(tmp_path):
    utterances = contents()
    write(tmp_path, utterances)
    reader = FeatureReader(tmp_path)
    assert reader.utterances == sorted(utterances)
    for name, (wave, mel) in utterances.items():
        assert reader.frames[name] == len(mel)
        assert np.array_equal(reader.wave(name), wave) and reader.wave(name).dtype == np.int16
        assert np.array_equal(reader.mel(name), mel.T) and reader.mel(name).dtype == np.float32
        assert np.array_equal(reader.wave(name, 2 * HOP, 3 * HOP), wave[2 * HOP : 3 * HOP])
        assert np.array_equal(reader.mel(name, 1, 3), mel[1:3].T)
    assert (tmp_path / "feats.scp").read_text().startswith("utt-0 feats.1.h5:utt-0\nutt-1 feats.2.h5:utt-1\n")


def test_the_same_contents_make_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        write(tmp_path / name, contents())
    files = [path.name for path in (tmp_path / "one").iterdir()]
    assert sorted(files) == ["feats.1.h5", "feats.2.h5", "feats.scp", "utt2num_frames"]
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize("rows", [1, 3, 1000])
def test_the_digest_is_that_of_all_contents_however_many_are_read_at_once(tmp_path, monkeypatch, rows):
    utterances = contents()
    write(tmp_path, utterances)
    whole = hashlib.sha256()
    for name in sorted(utterances):
        for part in (name.encode(), *(array.tobytes() for array in utterances[name])):
            whole.update(part)
    monkeypatch.setattr(features, "BLOCK", rows)
    assert FeatureReader(tmp_path).digest() == whole.hexdigest()[:16]


@pytest.mark.parametrize("wave, mel", [(HOP * 3 - 1, 3), (HOP * 3, 2), (0, 0)])
def test_samples_that_are_not_frames_times_hop_are_refused(tmp_path, wave, mel):
    with pytest.raises(ValueError, match="a: "), FeatureWriter(tmp_path / "f.h5", hop_size=HOP) as writer:
        writer.write("a", np.zeros(wave, np.int16), np.zeros((mel, 5), np.float32))
    assert list(tmp_path.iterdir()) == []


def test_other_types_are_refused(tmp_path):
    with pytest.raises(ValueError, match="float64"), FeatureWriter(tmp_path / "f.h5") as writer:
        writer.write("a", np.zeros(HOP), np.zeros((1, 5), np.float32))


def test_an_interrupted_writer_leaves_the_old_file(tmp_path):
    write(tmp_path, contents(), parts=1)
    before = (tmp_path / "feats.1.h5").read_bytes()
    with pytest.raises(KeyboardInterrupt), FeatureWriter(tmp_path / "feats.1.h5") as writer:
        writer.write("utt-0", *contents(seed=1)["utt-0"])
        raise KeyboardInterrupt
    assert (tmp_path / "feats.1.h5").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["feats.1.h5", "feats.scp", "utt2num_frames"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_disk_that_fills_up_on_closing_leaves_nothing(tmp_path):
    full = open("/dev/full", "r+b", buffering=0)
    with full, pytest.raises(OSError, match="No space left"), FeatureWriter(tmp_path / "f.h5") as writer:
        writer.write("utt-0", *contents()["utt-0"])
        writer._disk._file = full
    assert list(tmp_path.iterdir()) == []


def test_a_directory_without_index_is_incomplete(tmp_path):
    with pytest.raises(InputError, match=r"incomplete, it has no feats\.scp; run stage 2"):
        FeatureReader(tmp_path)


def test_a_truncated_part_is_named(tmp_path):
    write(tmp_path, contents(), parts=1)
    content = (tmp_path / "feats.1.h5").read_bytes()
    (tmp_path / "feats.1.h5").write_bytes(content[:-100])
    with pytest.raises(InputError, match=r"feats\.1\.h5: truncated or not HDF5"):
        FeatureReader(tmp_path).wave("utt-0")
    (tmp_path / "feats.1.h5").unlink()
    with pytest.raises(InputError, match=r"feats\.1\.h5: no such file"):
        FeatureReader(tmp_path).wave("utt-0")


def test_an_index_that_does_not_fit_is_named(tmp_path):
    write(tmp_path, contents(), parts=1)
    with h5py.File(tmp_path / "feats.1.h5", "a") as file:
        del file["utt-1"]
    with pytest.raises(InputError, match="has no utt-1/mel"):
        FeatureReader(tmp_path).mel("utt-1")
    with pytest.raises(InputError, match="has no utterance 'x'"):
        FeatureReader(tmp_path).mel("x")
    (tmp_path / "utt2num_frames").write_text("utt-0 7\n")
    with pytest.raises(InputError, match=r"feats\.scp and utt2num_frames differ"):
        FeatureReader(tmp_path)


def test_an_utterance_in_two_parts_is_refused(tmp_path):
    write(tmp_path, contents(), parts=1)
    (tmp_path / "feats.2.h5").write_bytes((tmp_path / "feats.1.h5").read_bytes())
    with pytest.raises(InputError, match=r"utt-0 is also in feats\.1\.h5"):
        write_index(tmp_path)


def test_a_used_reader_can_be_pickled(tmp_path):
    write(tmp_path, contents())
    reader = FeatureReader(tmp_path)
    expected = reader.wave("utt-2")
    assert np.array_equal(pickle.loads(pickle.dumps(reader)).wave("utt-2"), expected)


def read_in_child(reader, expected, pipe):
    pipe.send(all(np.array_equal(reader.wave(name), expected[name][0]) for name in list(expected) * 200))


def test_forked_workers_read_at_once(tmp_path):
    expected = contents()
    write(tmp_path, expected)
    reader = FeatureReader(tmp_path)
    reader.wave("utt-0"), reader.wave("utt-1")  # so that the workers inherit open files
    fork = multiprocessing.get_context("fork")
    pipes = [fork.Pipe() for _ in range(3)]
    children = [fork.Process(target=read_in_child, args=(reader, expected, theirs)) for _, theirs in pipes]
    for child in children:
        child.start()
    assert all(ours.recv() for ours, _ in pipes)
    for child in children:
        child.join()


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
def test_reading_does_not_use_up_memory(tmp_path):
    write(tmp_path, contents(frames=[3000] * 8))
    reader = FeatureReader(tmp_path)

    def read(times):
        for number in range(times):
            reader.wave(f"utt-{number % 8}", 100, 9000), reader.mel(f"utt-{number % 8}", 30, 1000)

    read(500)
    before = bench.resident_mib()
    read(3000)  # of 36 KB: a reader that kept what it read would hold 100 MiB
    assert bench.resident_mib() - before < 4


def test_the_benchmark_of_reading_reports_reads_and_memory(tmp_path):
    write(tmp_path, contents())
    lines = bench.main(tmp_path, reads=50, segment_size=10, seed=0)
    assert lines[0].startswith("50 segments of 10 samples, 3 utterances")
    assert "ms each" in lines[1] and "MiB after 50 more" in lines[2]
    with pytest.raises(InputError, match="no utterance has 1000 samples"):
        bench.main(tmp_path, reads=50, segment_size=1000, seed=0)


def test_the_digest_changes_with_any_sample_and_with_nothing_else(tmp_path):
    def make(name, change=0, parts=1):
        wave, mel = np.arange(8, dtype=np.int16), np.ones((2, 3), np.float32)
        for n in range(2):
            with FeatureWriter(tmp_path / name / f"feats.{min(n, parts - 1) + 1}.h5", hop_size=4) as part:
                for utterance in ("a", "b")[n : n + 1] if parts == 2 else ("a", "b"):
                    part.write(utterance, wave + change * (utterance == "b"), mel)
        write_index(tmp_path / name)
        return FeatureReader(tmp_path / name).digest()

    assert make("one") == make("two", parts=2) != make("other", change=1)
