import struct

import pytest

from models.encoders.filled_tokens import load_tokens
from models.encoders.spiece import read_spiece
from models.errors import CorruptedModelPackageError
from models.families.siglip.model import SiglipEmbedder

# text, score, kind: 1 = a piece, 2 = the unknown one, 3 = a mark
PIECES = [
    ("▁", -2.0, 1),
    ("</s>", 0.0, 3),
    ("<unk>", 0.0, 2),
    ("▁a", -1.0, 1),
    ("▁red", -1.5, 1),
    ("▁ball", -1.5, 1),
]
PIECES += [(letter, -6.0, 1) for letter in "abdelr"]


def varint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def spiece(pieces=PIECES, model_type=1):
    content = b"".join(
        field(1, field(1, text.encode()) + field(2, score) + (field(3, kind) if kind != 1 else b""))
        for text, score, kind in pieces
    )
    trainer = field(1, b"corpus.txt") + field(3, model_type) + field(4, 300) + field(40, 2)
    return content + field(2, trainer) + field(3, field(1, b"identity") + field(3, 1))


@pytest.fixture
def path(tmp_path):
    (tmp_path / "spiece.model").write_bytes(spiece())
    return tmp_path / "spiece.model"


def test_read_spiece__cuts_a_text_into_its_pieces(path):
    tokenizer = read_spiece(path)
    assert tokenizer.encode("a red ball").tokens == ["▁a", "▁red", "▁ball"]
    assert tokenizer.encode("a  bad red").tokens == ["▁a", "▁", "b", "a", "d", "▁red"]
    assert tokenizer.encode("xa").ids == [0, 2, 6]  # the unknown letter is piece 2


def test_load_tokens__reads_spiece_model_where_there_is_no_tokenizer_json(path):
    tokens = load_tokens(path.parent, SiglipEmbedder.words, max_length=6, vocab_size=len(PIECES))
    assert tokens(["A red Ball!"])[0].tolist() == [[3, 4, 5, 1, 1, 1]]


def test_read_spiece__refuses_other_kinds_of_vocabulary(path):
    path.write_bytes(spiece(model_type=2))
    with pytest.raises(CorruptedModelPackageError, match="no unigram"):
        read_spiece(path)


@pytest.mark.parametrize("keep", [0, 1, 30, -3])
def test_read_spiece__refuses_a_damaged_file(path, keep):
    path.write_bytes(spiece()[:keep])
    with pytest.raises(CorruptedModelPackageError, match="cannot be read"):
        read_spiece(path)


def test_read_spiece__refuses_another_file(path):
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 798330\n")
    with pytest.raises(CorruptedModelPackageError, match="cannot be read"):
        read_spiece(path)
