"""What one command installs stays under 2 GB (row 104): the packages of the light lock, with what they compile to."""

import re
from importlib.metadata import distribution
from pathlib import Path

LOCK = Path(__file__).parent.parent / "requirements.lock"
LIMIT = 2_000_000_000


def test_the_light_installation_is_under_two_gigabytes(record_property):
    names = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==", LOCK.read_text(), re.MULTILINE)
    assert len(names) > 50
    sizes = {}
    for name in names:
        files = [Path(str(file.locate())) for file in distribution(name).files or ()]
        files += [compiled for file in files if file.suffix == ".py" for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc")]
        sizes[name] = sum(file.stat().st_size for file in set(files) if file.is_file())
    total = sum(sizes.values())
    largest = ", ".join(f"{name} {size / 1e6:.0f}" for name, size in sorted(sizes.items(), key=lambda each: -each[1])[:5])
    record_property("megabytes", round(total / 1e6))
    print(f"\n{len(names)} packages, {total / 1e6:,.0f} MB; the largest: {largest}")
    assert total <= LIMIT, largest
