"""Evenlight: a folder of labelled images -> compared and tracked classifiers and a report.

    snakemake --cores 8                                  the data set that params.yaml names
    snakemake --cores 8 --config dataset=day_night       another one

The rules lie in workflow/rules/ in pipeline order, the logic in src/evenlight/, every setting in params.yaml.
"""

from snakemake.utils import min_version

from evenlight import params
from evenlight.errors import UserError

min_version("9.25")

try:
    # before `configfile:`, which reports broken YAML without a line number; a WorkflowError would add the place in
    # this file to the sentence, SystemExit says the sentence alone
    params.read("params.yaml")
except UserError as problem:
    raise SystemExit(f"evenlight: {problem}") from None


configfile: "params.yaml"


try:
    # in place: defaults are filled in and `--config` values checked like the file's own
    config.update(params.check("params.yaml", config))
except UserError as problem:
    raise SystemExit(f"evenlight: {problem}") from None


include: "workflow/rules/common.smk"


report: "workflow/report/workflow.rst"


rule all:
    """Everything: the published report and, unless switched off, the tracked runs."""
    input:
        collect("results/{dataset}/published.ok", dataset=DATASET),
        branch(
            lookup("tracking/enabled", within=config),
            then=collect(
                "results/{dataset}/provenance/tracking.json", dataset=DATASET
            ),
            otherwise=[],
        ),
    localrule: True


# in pipeline order; `rule all` stands before them, because the first rule is the default
include: "workflow/rules/data.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/audit.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/explain.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/track.smk"


onsuccess:
    print(closing_words())


onerror:
    print(
        "The run stopped; the failed step's log is printed above and kept under logs/."
    )
