-- One row a record, every column under the digest; rowid tables, so that no index holds a second copy.
-- blocks.body is the content, deflated. stored is the SHA-256 of body: deflate has padding bits that the
-- digest of the content cannot see.
PRAGMA application_id = 1364347441; -- 'QRJ1'

CREATE TABLE records (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    payload BLOB NOT NULL,
    previous BLOB NOT NULL,
    digest BLOB NOT NULL
) STRICT;

CREATE TABLE blocks (
    number INTEGER PRIMARY KEY,
    body BLOB NOT NULL,
    stored BLOB NOT NULL
) STRICT;
