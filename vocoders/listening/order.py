"""The order in which a listener meets screens and samples: a function of (seed, listener), the same on the page.

Draw number k of a purpose, such as "screens", is the 32-bit finalizer of MurmurHash3 (Appleby 2011) over
``h + k * 0x9E3779B9``, where h is the 32-bit FNV-1a hash of the bytes of "<seed>/<listener>/<purpose>".  ``order.js``
has the same lines; a test compares the two.
"""

MASK = 0xFFFFFFFF


def presentation(seed, listener, mode, screens):
    """[(screen id, [sample names])] as this listener meets them, training first.

    ``screens`` are mappings with "id", "training" and "items".  Samples of a MUSHRA screen are shuffled.  The two of an
    ab screen are stored in an order that is balanced over utterances; a listener has all of them so, or all reversed.
    """
    training = [screen for screen in screens if screen["training"]]
    counted = [screen for screen in screens if not screen["training"]]
    shown = [*training, *shuffled(counted, seed, listener, "screens")]
    reverse = mode == "ab" and draw(seed, listener, "reverse", 0) % 2 == 1

    def order(screen):
        if mode == "mushra":
            return shuffled(screen["items"], seed, listener, screen["id"])
        return list(screen["items"])[:: -1 if reverse else 1]

    return [(screen["id"], order(screen)) for screen in shown]


def shuffled(things, seed, listener, purpose):
    """A copy in random order (Fisher and Yates)."""
    things = list(things)
    for last in range(len(things) - 1, 0, -1):
        chosen = draw(seed, listener, purpose, last) * (last + 1) >> 32
        things[last], things[chosen] = things[chosen], things[last]
    return things


def draw(seed, listener, purpose, number):
    """A random integer from 0 to 2**32 - 1."""
    return _finalized(_fnv1a(f"{seed}/{listener}/{purpose}") + number * 0x9E3779B9 & MASK)


def _fnv1a(text):
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 & MASK
    return value


def _finalized(value):
    value = (value ^ value >> 16) * 0x85EBCA6B & MASK
    value = (value ^ value >> 13) * 0xC2B2AE35 & MASK
    return value ^ value >> 16
