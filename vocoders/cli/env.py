"""Show what is installed and what each missing part would give.

Status 1 if a part is missing that nothing works without.

  vocoders env
"""

from vocoders.environment import survey, table


def main():
    """Prints a table."""
    found = survey()
    print(table(found))
    lacking = [one.part.name for one in found if one.lacking]
    if lacking:
        print(f"\nmissing, and nothing works without: {', '.join(lacking)}; run: make -C tools")
        return 1
    absent = [one.part.name for one in found if one.version is None]
    print(f"\noptional parts that are missing: {', '.join(absent) or 'none'}")
    return 0
