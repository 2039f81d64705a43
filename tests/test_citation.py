import re
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent
CITATION = YAML(typ="safe").load(ROOT / "CITATION.cff")


def test_the_citation_is_of_the_version_that_is_packaged():
    package = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{CITATION["version"]}"' in package
    assert f'license = "{CITATION["license"]}"' in package
    assert f"## {CITATION['version']}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_papers_of_the_citation_are_sources_of_the_readme():
    cited = {identifier["value"] for source in CITATION["references"] for identifier in source["identifiers"]}
    sources = (ROOT / "README.md").read_text().split("## Sources")[1]
    assert len(cited) == 5
    assert cited <= {f"arXiv:{number}" for number in re.findall(r"\[arXiv (\S+)\]", sources)}
