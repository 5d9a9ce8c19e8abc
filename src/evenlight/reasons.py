"""The closed lists of reasons and warnings of a file, and the exception that carries a reason.

Imports nothing, so that pages and reports can name reasons without loading a decoder.
"""

# one plain sentence per reason, for logs and the report
REASONS = {
    "empty_file": "The file has no bytes.",
    "file_too_large": "The file is larger than 64 MiB.",
    "unreadable": "The file can't be read: no permission, an I/O error, or a broken or looping link.",
    "not_regular_file": "This is a folder, pipe, socket or device, not a file.",
    "symlink_outside_root": "This link leads out of the data set's folder.",
    "not_an_image": "The content is not an image, whatever the name says.",
    "unsupported_format": "An image format that is not read here; convert it to JPEG or PNG first.",
    "unsupported_depth": "A bit depth that can't be read faithfully; convert it to 8 bits per channel.",
    "unsupported_channels": "A number of channels that can't be read faithfully; convert it to gray or RGB.",
    "truncated": "The data ends too early: the file was cut off.",
    "corrupt": "The data is damaged.",
    "bad_dimensions": "The header gives a width or height of zero or less.",
    "too_large": "More than 64 million pixels, a side over 30,000 pixels, or too much for the memory.",
    "too_small": "A side is shorter than 8 pixels.",
    "extreme_aspect": "One side is more than 50 times as long as the other.",
    "bomb": "Built to exhaust the reader: more than 200 scans or 20,000 chunks.",
    "animated": "More than one frame; extract the one you mean.",
    "multi_page": "More than one page; extract the one you mean.",
    "fully_transparent": "Every pixel is fully transparent: there is nothing to see.",
    "decoder_crash": "The decoder failed unexpectedly.",
    "decoder_timeout": "The decoder needed more than 30 seconds, twice.",
    "label_conflict": "The same picture has two different labels; all its copies are set aside.",
    "split_leak": "The same picture is in the test part and in the training or validation part of the given split.",
    "changed_since_manifest": "The file has changed since it was scanned.",
    "no_label": "Neither a class folder nor metadata.csv gives this image a label.",
}

# warnings never remove a file
WARNINGS = {
    "ext_mismatch": "The extension names another format than the content has.",
    "icc_invalid": "The colour profile is damaged or made for other colours; it was ignored.",
    "jpeg_header_junk": "Stray bytes in the JPEG header were skipped; the pixels are whole.",
    "jpeg_gate_skipped": "An unusual JPEG layout, read without the strict check for damage.",
    "metadata_invalid": "Damaged EXIF or XMP text was left out; the pixels are whole.",
    "constant_image": "Every pixel has the same colour.",
    "low_bit_depth": "A 16-bit file that uses 12 bits or fewer: it looks nearly black.",
    "trailing_data": "Further bytes follow the end of the picture.",
    "xmp_orientation": "Turned upright by its XMP text: it has no EXIF orientation.",
}


class Quarantine(Exception):  # noqa: N818 (a verdict, not a failure of ours)
    """The file can't be used: `reason` is a key of REASONS, `detail` says more in a few words."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
