-- Types that SQLite and PostgreSQL share: TEXT and BIGINT. Times are RFC 3339 in UTC with nine digits behind the second, so
-- that they sort as text; truth is 0 or 1; sets and documents are JSON.

CREATE TABLE people (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    display_name TEXT,
    email TEXT,
    admin BIGINT NOT NULL,
    disabled BIGINT NOT NULL,
    subject TEXT UNIQUE,
    password TEXT,
    created_at TEXT NOT NULL,
    search TEXT NOT NULL
);

CREATE TABLE groups (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    display_name TEXT,
    created_at TEXT NOT NULL
);

-- `claimed`: it follows from what a provider says, and goes with it.
CREATE TABLE memberships (
    group_id TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    person_id TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    claimed BIGINT NOT NULL,
    PRIMARY KEY (group_id, person_id)
);
CREATE INDEX memberships_by_person ON memberships (person_id);

-- Of tokens and sessions only the SHA-256 is kept: they are 256 random bits.
CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    person_id TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    scope TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    expires_at TEXT,
    last_used_at TEXT,
    created_at TEXT NOT NULL,
    UNIQUE (person_id, name)
);

CREATE TABLE sessions (
    hash TEXT PRIMARY KEY,
    person_id TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    expires_at TEXT NOT NULL,
    created_at TEXT NOT NULL
);

-- What makes the first administrator, as its SHA-256.
CREATE TABLE setups (
    hash TEXT PRIMARY KEY,
    expires_at TEXT NOT NULL
);

-- Logins at a provider that have begun; `state` and `browser` as their SHA-256.
CREATE TABLE logins (
    state TEXT PRIMARY KEY,
    browser TEXT NOT NULL,
    nonce TEXT NOT NULL,
    verifier TEXT NOT NULL,
    return_to TEXT NOT NULL,
    expires_at TEXT NOT NULL
);

CREATE TABLE secrets (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    host TEXT NOT NULL,
    username TEXT,
    kept TEXT NOT NULL,
    sealed TEXT,
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL
);

-- `document` is the entry; the other columns are what is searched, sorted and joined.
CREATE TABLE images (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    document TEXT NOT NULL,
    revision BIGINT NOT NULL,
    type TEXT NOT NULL,
    source TEXT NOT NULL,
    owner TEXT,
    global BIGINT NOT NULL,
    ready BIGINT NOT NULL,
    pinned BIGINT NOT NULL,
    deprecated BIGINT NOT NULL,
    pull_secret TEXT,
    search TEXT NOT NULL,
    key_display_name TEXT NOT NULL,
    key_created TEXT NOT NULL,
    key_changed TEXT NOT NULL
);
CREATE INDEX images_by_owner ON images (owner);

CREATE TABLE image_groups (
    image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    group_name TEXT NOT NULL,
    PRIMARY KEY (image_id, group_name)
);
CREATE INDEX image_groups_by_group ON image_groups (group_name);

CREATE TABLE image_tags (
    image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (image_id, tag)
);
CREATE INDEX image_tags_by_tag ON image_tags (tag);

-- What is true of these records as a whole, such as the store that results are in.
CREATE TABLE facts (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- References of images in their full form: which entries a base belongs to.
CREATE TABLE image_references (
    image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    reference TEXT NOT NULL,
    PRIMARY KEY (image_id, reference)
);
CREATE INDEX image_references_by_reference ON image_references (reference);

CREATE TABLE builds (
    id TEXT PRIMARY KEY,
    image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    state TEXT NOT NULL,
    spec TEXT NOT NULL,
    pull_secret TEXT,
    upgrade BIGINT NOT NULL,
    lock TEXT,
    digest TEXT,
    size BIGINT,
    error TEXT,
    person_id TEXT,
    person_name TEXT NOT NULL,
    retry_of TEXT,
    attempts BIGINT NOT NULL,
    cancel_requested BIGINT NOT NULL,
    queued_at TEXT NOT NULL,
    started_at TEXT,
    finished_at TEXT,
    worker TEXT,
    lease_until TEXT,
    UNIQUE (image_id, number)
);
CREATE INDEX builds_by_state ON builds (state);
CREATE INDEX builds_by_person ON builds (person_name, state);

-- The event stream of a build in pieces: JSON lines, the first of which is event number `first`.
CREATE TABLE build_events (
    build_id TEXT NOT NULL REFERENCES builds (id) ON DELETE CASCADE,
    first BIGINT NOT NULL,
    count BIGINT NOT NULL,
    lines TEXT NOT NULL,
    PRIMARY KEY (build_id, first)
);

CREATE TABLE audit (
    number BIGINT PRIMARY KEY,
    at TEXT NOT NULL,
    actor TEXT,
    actor_name TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    subject_name TEXT NOT NULL,
    before TEXT,
    after TEXT
);
CREATE INDEX audit_by_subject ON audit (subject, subject_id);

-- Answers to requests that came with an idempotency key. Of the key only the SHA-256 is kept, and of the request a digest that is
-- keyed with it: a request may hold a password.
CREATE TABLE answers (
    person_id TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    request_key TEXT NOT NULL,
    request TEXT NOT NULL,
    answer TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (person_id, request_key)
);
CREATE INDEX answers_by_time ON answers (created_at);

-- Repositories of the registry whose name is not that of an entry, such as `GROUP/NAME`.
CREATE TABLE repositories (
    name TEXT PRIMARY KEY,
    image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE
);
CREATE INDEX repositories_by_image ON repositories (image_id);

-- Entries that are gone and whose images are still to be removed from the store.
CREATE TABLE removals (
    image_id TEXT PRIMARY KEY,
    name TEXT NOT NULL
);
CREATE INDEX removals_by_name ON removals (name);

CREATE TABLE pulls (
    image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    day TEXT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (image_id, day)
);
