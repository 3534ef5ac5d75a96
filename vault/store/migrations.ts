/** Statements of each version of the schema, by database. Forward only: one that was released is never edited, another follows it. */
export interface Migration {
  readonly name: string
  readonly sqlite: string
  readonly postgresql: string
}

export const migrations: readonly Migration[] = [
  {
    name: '0001-vault',
    sqlite: `
create table meta (name text primary key, value text not null) strict;
create table revisions (kind text primary key, revision integer not null) strict;
create table records (
  kind text not null, name text not null, version integer not null, facts text not null, sealed_key text, sealed blob,
  primary key (kind, name)
) strict, without rowid;
create table data_keys (
  number integer primary key autoincrement, scope text not null, use text not null, version integer not null, state text not null,
  wrapped blob, master_key text not null, created_at integer not null, retired_at integer,
  unique (scope, use, version)
) strict;
create index data_keys_by_master on data_keys (master_key) where wrapped is not null;
create index data_keys_waiting on data_keys (state, retired_at) where state in ('old', 'shredding');
create table tokens (
  domain text not null, token text not null, blind blob, key integer, sealed blob, expires_at integer, mode text not null,
  primary key (domain, token), check ((key is null) = (sealed is null))
) strict;
create unique index tokens_by_blind on tokens (blind) where blind is not null;
create index tokens_by_key on tokens (key) where key is not null;
create index tokens_to_bury on tokens (expires_at) where key is not null and expires_at is not null;
create index tokens_to_forget on tokens (expires_at) where key is null and expires_at is not null and mode <> 'shape';
create table token_copies (
  domain text not null, token text not null, key integer not null, sealed blob not null,
  primary key (domain, token, key)
) strict, without rowid;
create index token_copies_by_key on token_copies (key);
create table reveals (
  number integer primary key, at text not null, domain text not null, token text not null, client text, purpose text not null,
  run text not null, flow text not null, node text not null, outcome text not null, hash text not null
) strict;
create index reveals_by_domain on reveals (domain, number);
create index reveals_by_client on reveals (client, number);
create trigger reveals_no_update before update on reveals begin select raise(abort, 'the record of reveals is append-only'); end;
create trigger reveals_no_delete before delete on reveals begin select raise(abort, 'the record of reveals is append-only'); end;`,
    postgresql: `
create table meta (name text collate "C" primary key, value text not null);
create table revisions (kind text collate "C" primary key, revision bigint not null);
create table records (
  kind text collate "C" not null, name text collate "C" not null, version integer not null, facts text not null, sealed_key text, sealed bytea,
  primary key (kind, name)
);
create table data_keys (
  number integer generated always as identity primary key, scope text collate "C" not null, use text not null, version integer not null,
  state text not null, wrapped bytea, master_key text not null, created_at bigint not null, retired_at bigint,
  unique (scope, use, version)
);
create index data_keys_by_master on data_keys (master_key) where wrapped is not null;
create index data_keys_waiting on data_keys (state, retired_at) where state in ('old', 'shredding');
create table tokens (
  domain text collate "C" not null, token text collate "C" not null, blind bytea, key integer, sealed bytea, expires_at bigint, mode text not null,
  primary key (domain, token), check ((key is null) = (sealed is null))
);
create unique index tokens_by_blind on tokens (blind) where blind is not null;
create index tokens_by_key on tokens (key) where key is not null;
create index tokens_to_bury on tokens (expires_at) where key is not null and expires_at is not null;
create index tokens_to_forget on tokens (expires_at) where key is null and expires_at is not null and mode <> 'shape';
create table token_copies (
  domain text collate "C" not null, token text collate "C" not null, key integer not null, sealed bytea not null,
  primary key (domain, token, key)
);
create index token_copies_by_key on token_copies (key);
create table reveals (
  number bigint primary key, at text not null, domain text collate "C" not null, token text not null, client text collate "C", purpose text not null,
  run text not null, flow text not null, node text not null, outcome text not null, hash text not null
);
create index reveals_by_domain on reveals (domain, number);
create index reveals_by_client on reveals (client, number);
create function reveals_are_append_only() returns trigger language plpgsql as $$ begin raise exception 'the record of reveals is append-only'; end $$;
create trigger reveals_no_change before update or delete on reveals for each row execute function reveals_are_append_only();
create trigger reveals_no_truncate before truncate on reveals for each statement execute function reveals_are_append_only();`,
  },
  {
    // A key cannot hold null: no version is 0, no client is empty.
    name: '0002-key-uses',
    sqlite: `
create table key_uses (
  name text not null, hour text not null, version integer not null, act text not null, outcome text not null, client text not null, flow text not null, count integer not null,
  primary key (name, hour, version, act, outcome, client, flow)
) strict, without rowid;
create index key_uses_by_hour on key_uses (hour);`,
    postgresql: `
create table key_uses (
  name text collate "C" not null, hour text collate "C" not null, version integer not null, act text not null, outcome text not null, client text not null, flow text not null, count bigint not null,
  primary key (name, hour, version, act, outcome, client, flow)
);
create index key_uses_by_hour on key_uses (hour);`,
  },
  {
    name: '0003-guesses',
    sqlite: `
create table guesses (place text primary key, ends_at integer not null, count integer not null) strict, without rowid;
create index guesses_by_end on guesses (ends_at);`,
    postgresql: `
create table guesses (place text collate "C" primary key, ends_at bigint not null, count bigint not null);
create index guesses_by_end on guesses (ends_at);`,
  },
]
