"""Raw folder -> manifest and standardized arrays, in one pass over the files.

Needs: data/raw/<dataset>/ (or the folder that params.yaml names), optionally with metadata.csv.
Makes: data/manifest/<dataset>/, data/standardized/<dataset>/ and, beside the declared outputs, the record of splits
data/splits/<dataset>.json (why beside them: docs/decisions.md, "A split is drawn once").
Usual steps: one scan job per shard, one gather job.
"""

# with a background to be learned from other images, the scan's arrays are a step on the way
BACKGROUND = config["region"]["method"] == "background"
SCANNED = (
    "data/framed/{dataset}/{shard}.npy"
    if BACKGROUND
    else "data/standardized/{dataset}/{shard}.npy"
)
# it is learned in RGB, and the colour space comes after
SCAN_OPTIONS = config["standardize"] | ({"color": "rgb"} if BACKGROUND else {})


rule scan_shard:
    """Read, check, hash and standardize every file of one shard of the raw folder."""
    input:
        code=sources("evenlight.stages.scan"),
    output:
        table=ensure("data/manifest/{dataset}/shards/{shard}.parquet", non_empty=True),
        array=ensure(SCANNED, non_empty=True),
    log:
        "logs/scan_shard/{dataset}/{shard}.log",
    benchmark:
        "logs/benchmarks/scan_shard/{dataset}/{shard}.tsv"
    threads: 1
    params:
        folder=lambda wildcards: str(RAW),
        shards=LISTING.shard_count,
        region=as_json(config["region"]),
        standardize=as_json(SCAN_OPTIONS),
        versions=versions("numpy", "pillow", "simplejpeg", "opencv-python-headless"),
        fingerprint=lambda wildcards: LISTING.fingerprint(wildcards.shard),
    message:
        "Scanning and standardizing {wildcards.dataset}, shard {wildcards.shard}"
    shell:
        "evenlight scan --folder {params.folder:q} --shard {wildcards.shard}"
        " --shards {params.shards} --region {params.region:q}"
        " --standardize {params.standardize:q} --table {output.table:q}"
        " --array {output.array:q} 2>&1 | tee {log:q}"


rule gather_manifest:
    """Join the shards: labels, copies, splits, groups, and counts that add up."""
    input:
        shards=collect("data/manifest/{{dataset}}/shards/{shard}.parquet", shard=SHARDS),
        images=collect(SCANNED, shard=SHARDS, allow_missing=True),
        code=sources("evenlight.stages.gather"),
    output:
        manifest=ensure("data/manifest/{dataset}/manifest.parquet", non_empty=True),
        pairs=ensure("data/manifest/{dataset}/pairs.parquet", non_empty=True),
        classes=ensure("data/manifest/{dataset}/classes.json", non_empty=True),
        summary=ensure("data/manifest/{dataset}/summary.json", non_empty=True),
    log:
        "logs/gather_manifest/{dataset}.log",
    benchmark:
        "logs/benchmarks/gather_manifest/{dataset}.tsv"
    threads: 1
    params:
        folder=lambda wildcards: str(RAW),
        settings=lambda wildcards: as_json(
            {
                "dataset": {
                    "name": DATASET,
                    **{key: SETTINGS[key] for key in ("source", "groups", "layout")},
                },
                "split": config["split"],
                "near_duplicates": config["audit"]["near_duplicates"],
                "max_quarantine": config["max_quarantine"],
                "color": SCAN_OPTIONS["color"],
            }
        ),
        junk=LISTING.junk,
        metadata=metadata_hash(),
        record="data/splits/{dataset}.json",
        images=lambda wildcards, input: os.path.dirname(input.images[0]),
        page="reports/{dataset}/quarantine.html",
        target=lambda wildcards, output: os.path.dirname(output.manifest),
    message:
        "Gathering the manifest of {wildcards.dataset}"
    shell:
        "evenlight gather {input.shards:q} --folder {params.folder:q}"
        " --settings {params.settings:q} --junk {params.junk}"
        " --record {params.record:q} --images {params.images:q} --page {params.page:q}"
        " --target {params.target:q} 2>&1 | tee {log:q}"


if BACKGROUND:

    rule subtract_background:
        """Fill what never changes in front of each fixed camera."""
        input:
            framed=collect("data/framed/{{dataset}}/{shard}.npy", shard=SHARDS),
            manifest="data/manifest/{dataset}/manifest.parquet",
            code=sources("evenlight.stages.subtract_background"),
        output:
            arrays=collect("data/standardized/{{dataset}}/{shard}.npy", shard=SHARDS),
        log:
            "logs/subtract_background/{dataset}.log",
        benchmark:
            "logs/benchmarks/subtract_background/{dataset}.tsv"
        threads: 1
        params:
            framed="data/framed/{dataset}",
            settings=lambda wildcards: as_json(
                {
                    "region": config["region"],
                    "source": source_column(SETTINGS),
                    "color": config["standardize"]["color"],
                }
            ),
            target="data/standardized/{dataset}",
        message:
            "Subtracting the background of each camera of {wildcards.dataset}"
        shell:
            "evenlight subtract-background {params.framed:q} --manifest {input.manifest:q}"
            " --settings {params.settings:q} --target {params.target:q} 2>&1 | tee {log:q}"


rule region_sheet:
    """Some images before and after the area of interest was cut out."""
    input:
        images=image_shards(),
        framed=(
            collect("data/framed/{{dataset}}/{shard}.npy", shard=SHARDS)
            if BACKGROUND
            else []
        ),
        manifest="data/manifest/{dataset}/manifest.parquet",
        code=sources("evenlight.stages.region_sheet"),
    output:
        picture=report(
            "results/{dataset}/region.png",
            caption="../report/region.rst",
            category="Data",
            subcategory="{dataset}",
            labels={"model": "all", "figure": "area of interest"},
        ),
    log:
        "logs/region_sheet/{dataset}.log",
    benchmark:
        "logs/benchmarks/region_sheet/{dataset}.tsv"
    threads: 1
    params:
        folder=lambda wildcards: str(RAW),
        images="data/standardized/{dataset}",
        framed="data/framed/{dataset}",
        settings=as_json(
            {key: config[key] for key in ("region", "standardize", "seed")}
        ),
    message:
        "Drawing the area of interest of {wildcards.dataset}"
    shell:
        "evenlight region-sheet --folder {params.folder:q} --manifest {input.manifest:q}"
        " --images {params.images:q} --framed {params.framed:q}"
        " --settings {params.settings:q} --picture {output.picture:q} > {log:q} 2>&1"
