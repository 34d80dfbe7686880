"""Make a recipe for a folder of recordings.

Finds out by itself, and says, where recordings and transcripts are, who speaks, at what rate, and how to split them;
writes that into local/corpus.yaml and run.sh of the new recipe, where it can be changed; and checks the data.
Transcripts are x.txt, x.normalized.txt or x.lab for x.wav, lines id|text or id|raw|text of a metadata.csv, or Kaldi's
text; there may be none.  Speakers are a column of that table, the folder of a recording, or a part of its name.

  vocoders new-recipe /path/to/recordings egs/mine/voc1
  cd egs/mine/voc1
  ./run.sh --stop-stage 2
"""


def main(folder: str, recipe: str, *, template: str | None = None, max_bad: int = 0, nj: int = 4):
    """Makes it, or nothing.

    Args:
        folder: of recordings (wav, flac, ogg, ...), at any depth.
        recipe: egs/CORPUS/voc1; a folder outside of the repository will do too.
        template: egs/TEMPLATE of the repository; without, the one beside CORPUS, or that of the installation.
        max_bad: leave out up to so many recordings that cannot be used, or are there twice, or lack their transcript.
        nj: Parallel processes.
    """
    from vocoders.recipe.make import new_recipe

    print(*new_recipe(folder, recipe, template=template, max_bad=max_bad, nj=nj), sep="\n")
    print(f"made {recipe}: its data is valid.  Next:\n\n    cd {recipe}\n    ./run.sh --stop-stage 2")
