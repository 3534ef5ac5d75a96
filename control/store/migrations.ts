import { PostgresAdapter, sql, type Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'
import { auditHead, auditHeadKey, hashAuditRow, noAuditHash } from './audit-chain.ts'

/** Named, forward only. A migration that was released is never edited; a new one follows it. */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-first-tables': { up: firstTables },
  '0002-consumers': { up: consumers },
  '0003-oauth': { up: oauth },
  '0005-decisions': { up: decisions },
  '0004-audit-seals': { up: auditSeals },
  '0006-revocations': { up: revocations },
  '0007-connectors': { up: connectors },
  '0008-ledger': { up: ledger },
}

async function firstTables(db: Kysely<any>): Promise<void> {
  const { schema } = db
  await schema
    .createTable('users')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('role', 'text', (c) => c.notNull())
    .addColumn('password', 'text', (c) => c.notNull())
    .addColumn('disabled', 'integer', (c) => c.notNull())
    .addColumn('created_at', 'text', (c) => c.notNull())
    .addColumn('last_sign_in_at', 'text')
    .execute()
  await schema
    .createTable('tokens')
    .addColumn('hash', 'text', (c) => c.primaryKey())
    .addColumn('user_name', 'text', (c) => c.notNull())
    .addColumn('use', 'text', (c) => c.notNull())
    .addColumn('created_at', 'text', (c) => c.notNull())
    .addColumn('expires_at', 'text', (c) => c.notNull())
    .execute()
  await schema.createIndex('tokens_by_user').on('tokens').column('user_name').execute()
  await schema
    .createTable('flows')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('label', 'text', (c) => c.notNull())
    .addColumn('revision', 'text', (c) => c.notNull())
    .addColumn('updated_at', 'text', (c) => c.notNull())
    .execute()
  await schema
    .createTable('revisions')
    .addColumn('hash', 'text', (c) => c.primaryKey())
    .addColumn('flow_id', 'text', (c) => c.notNull())
    .addColumn('document', 'text', (c) => c.notNull())
    .addColumn('created_at', 'text', (c) => c.notNull())
    .addColumn('user_name', 'text', (c) => c.notNull())
    .addColumn('comment', 'text', (c) => c.notNull())
    .execute()
  await schema.createIndex('revisions_by_flow').on('revisions').column('flow_id').execute()
  await schema
    .createTable('releases')
    .addColumn('id', 'integer', (c) => c.primaryKey())
    .addColumn('created_at', 'text', (c) => c.notNull())
    .addColumn('user_name', 'text', (c) => c.notNull())
    .addColumn('comment', 'text', (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull())
    .addColumn('rev', 'text', (c) => c.notNull())
    .addColumn('credentials_hash', 'text', (c) => c.notNull())
    .addColumn('signature', 'text', (c) => c.notNull())
    .addColumn('rollback_of', 'integer')
    .addColumn('layout', 'text', (c) => c.notNull())
    .addColumn('changed', 'text', (c) => c.notNull())
    .execute()
  await schema
    .createTable('release_flows')
    .addColumn('release_id', 'integer', (c) => c.notNull())
    .addColumn('position', 'integer', (c) => c.notNull())
    .addColumn('flow_id', 'text', (c) => c.notNull())
    .addColumn('revision', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('release_flows_key', ['release_id', 'position'])
    .execute()
  await schema
    .createTable('credentials')
    .addColumn('node_id', 'text', (c) => c.primaryKey())
    .addColumn('key_id', 'text', (c) => c.notNull())
    .addColumn('sealed', 'text', (c) => c.notNull())
    .addColumn('updated_at', 'text', (c) => c.notNull())
    .addColumn('removed_at', 'text')
    .execute()
  await schema
    .createTable('gateways')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('key_hash', 'text', (c) => c.notNull())
    .addColumn('joined_at', 'text', (c) => c.notNull())
    .addColumn('last_seen_at', 'text')
    .addColumn('url', 'text')
    .addColumn('version', 'text')
    .addColumn('revoked_at', 'text')
    .execute()
  await schema
    .createTable('join_tokens')
    .addColumn('hash', 'text', (c) => c.primaryKey())
    .addColumn('created_by', 'text', (c) => c.notNull())
    .addColumn('created_at', 'text', (c) => c.notNull())
    .addColumn('expires_at', 'text', (c) => c.notNull())
    .addColumn('used_at', 'text')
    .execute()
  await schema
    .createTable('acknowledgements')
    .addColumn('gateway_id', 'text', (c) => c.notNull())
    .addColumn('release_id', 'integer', (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('detail', 'text')
    .addColumn('at', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('acknowledgements_key', ['gateway_id', 'release_id'])
    .execute()
  await schema
    .createTable('documents')
    .addColumn('key', 'text', (c) => c.primaryKey())
    .addColumn('value', 'text', (c) => c.notNull())
    .addColumn('updated_at', 'text', (c) => c.notNull())
    .execute()
  await schema
    .createTable('meta')
    .addColumn('key', 'text', (c) => c.primaryKey())
    .addColumn('value', 'text', (c) => c.notNull())
    .execute()
  await schema
    .createTable('audit')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('at', 'text', (c) => c.notNull())
    .addColumn('user_name', 'text', (c) => c.notNull())
    .addColumn('action', 'text', (c) => c.notNull())
    .addColumn('detail', 'text', (c) => c.notNull())
    .execute()
  await schema.createIndex('audit_by_time').on('audit').column('at').execute()
}

/** Records of consumers; and the audit log becomes a chain, its old entries in order of time. */
async function consumers(db: Kysely<any>): Promise<void> {
  const { schema } = db
  await schema
    .createTable('consumer_records')
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('organisation', 'text')
    .addColumn('provider', 'text')
    .addColumn('parent', 'text')
    .addColumn('owner', 'text')
    .addColumn('target', 'text')
    .addColumn('plan', 'text')
    .addColumn('lookup', 'text')
    .addColumn('search', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('version', 'integer', (c) => c.notNull())
    .addColumn('body', 'text', (c) => c.notNull())
    .addColumn('secret', 'text')
    .addColumn('created_at', 'text', (c) => c.notNull())
    .addColumn('created_by', 'text', (c) => c.notNull())
    .addColumn('updated_at', 'text', (c) => c.notNull())
    .addColumn('updated_by', 'text', (c) => c.notNull())
    .addColumn('retired_at', 'text')
    .addPrimaryKeyConstraint('consumer_records_key', ['kind', 'id'])
    .execute()
  // Both databases take any number of nulls into a unique index.
  await schema.createIndex('consumer_records_by_lookup').unique().on('consumer_records').columns(['kind', 'lookup']).execute()
  await schema.createIndex('consumer_records_by_parent').on('consumer_records').columns(['kind', 'parent']).execute()
  await schema.createIndex('consumer_records_by_owner').on('consumer_records').columns(['kind', 'owner']).execute()
  await schema.createIndex('consumer_records_by_organisation').on('consumer_records').columns(['kind', 'organisation', 'id']).execute()
  await schema.createIndex('consumer_records_by_plan').on('consumer_records').columns(['kind', 'plan']).execute()
  await schema.createIndex('consumer_records_by_target').on('consumer_records').columns(['kind', 'target']).execute()
  await schema
    .createTable('audit_log')
    .addColumn('number', 'integer', (c) => c.primaryKey())
    .addColumn('at', 'text', (c) => c.notNull())
    .addColumn('user_name', 'text', (c) => c.notNull())
    .addColumn('action', 'text', (c) => c.notNull())
    .addColumn('from_address', 'text')
    .addColumn('subject', 'text')
    .addColumn('organisation', 'text')
    .addColumn('before', 'text')
    .addColumn('after', 'text')
    .addColumn('detail', 'text', (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull())
    .execute()
  await schema.createIndex('audit_log_by_subject').on('audit_log').columns(['subject', 'number']).execute()
  let hash = noAuditHash
  let number = 0
  const old = await db.selectFrom('audit').selectAll().orderBy('at').orderBy('id').execute()
  for (const { at, user_name, action, detail } of old) {
    number++
    const entry = { number, at, user_name, action, from_address: null, subject: null, organisation: null, before: null, after: null, detail }
    hash = hashAuditRow(hash, entry)
    await db.insertInto('audit_log').values({ ...entry, hash }).execute()
  }
  if (number > 0) await db.insertInto('meta').values({ key: auditHeadKey, value: auditHead(number, hash) }).execute()
  await schema.dropTable('audit').execute()
}

/** Why calls were refused. */
async function decisions(db: Kysely<any>): Promise<void> {
  const { schema } = db
  await schema
    .createTable('decisions')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('at', 'text', (c) => c.notNull())
    .addColumn('organisation', 'text')
    .addColumn('provider', 'text')
    .addColumn('application', 'text')
    .addColumn('api', 'text')
    .addColumn('code', 'text', (c) => c.notNull())
    .addColumn('gateway', 'text', (c) => c.notNull())
    .addColumn('body', 'text', (c) => c.notNull())
    .execute()
  await schema.createIndex('decisions_by_time').on('decisions').columns(['at', 'id']).execute()
  await schema.createIndex('decisions_by_application').on('decisions').columns(['application', 'at']).execute()
}

/** What the authorization server remembers. */
async function oauth(db: Kysely<any>): Promise<void> {
  const { schema } = db
  await schema
    .createTable('oauth_artifacts')
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('body', 'text', (c) => c.notNull())
    .addColumn('grant_id', 'text')
    .addColumn('lookup', 'text')
    .addColumn('consumed_at', 'text')
    .addColumn('expires_at', 'text')
    .addPrimaryKeyConstraint('oauth_artifacts_key', ['kind', 'id'])
    .execute()
  await schema.createIndex('oauth_artifacts_by_grant').on('oauth_artifacts').columns(['grant_id', 'kind']).execute()
  await schema.createIndex('oauth_artifacts_by_lookup').on('oauth_artifacts').columns(['kind', 'lookup']).execute()
  await schema.createIndex('oauth_artifacts_by_end').on('oauth_artifacts').column('expires_at').execute()
}

/** Tokens that end before their time; whose the things of the authorization server are; users of another provider. */
async function revocations(db: Kysely<any>): Promise<void> {
  const { schema } = db
  await schema
    .createTable('token_revocations')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('number', 'integer', (c) => c.notNull())
    .addColumn('client', 'text')
    .addColumn('before_at', 'text')
    .addColumn('expires_at', 'text', (c) => c.notNull())
    .execute()
  await schema.createIndex('token_revocations_by_number').on('token_revocations').column('number').execute()
  await schema.createIndex('token_revocations_by_client').on('token_revocations').columns(['client', 'expires_at']).execute()
  await schema.alterTable('oauth_artifacts').addColumn('account', 'text').execute()
  await schema.createIndex('oauth_artifacts_by_account').on('oauth_artifacts').column('account').execute()
  await schema.alterTable('users').addColumn('upstream', 'text').execute()
  await schema.alterTable('users').addColumn('upstream_role', 'integer', (c) => c.notNull().defaultTo(0)).execute()
  // Both databases take any number of nulls into a unique index.
  await schema.createIndex('users_by_upstream').unique().on('users').column('upstream').execute()
}

/** Entries of the audit log carry the name of the key that made their hash; and the database itself refuses to change or delete one. */
async function auditSeals(db: Kysely<any>): Promise<void> {
  await db.schema.alterTable('audit_log').addColumn('sealed_by', 'text').execute()
  if (!(db.getExecutor().adapter instanceof PostgresAdapter)) {
    for (const act of ['update', 'delete']) {
      await sql.raw(`create trigger audit_log_no_${act} before ${act} on audit_log begin select raise(abort, 'the audit log is append-only'); end`).execute(db)
    }
    return
  }
  await sql`create function audit_log_is_append_only() returns trigger language plpgsql as $$ begin raise exception 'the audit log is append-only'; end $$`.execute(db)
  await sql`create trigger audit_log_no_change before update or delete on audit_log for each row execute function audit_log_is_append_only()`.execute(db)
  await sql`create trigger audit_log_no_truncate before truncate on audit_log for each statement execute function audit_log_is_append_only()`.execute(db)
}

/** How far connectors to partner services are: what they fetched last, when they fetch next, and who does it. */
async function connectors(db: Kysely<any>): Promise<void> {
  await db.schema
    .createTable('connector_states')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('connector_version', 'integer')
    .addColumn('tags', 'text')
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('attempted_at', 'text')
    .addColumn('fetched_at', 'text')
    .addColumn('changed_at', 'text')
    .addColumn('next_at', 'text')
    .addColumn('failures', 'integer', (c) => c.notNull())
    .addColumn('partners', 'integer', (c) => c.notNull())
    .addColumn('problem', 'text')
    .addColumn('lease_holder', 'text')
    .addColumn('lease_until', 'text')
    .execute()
}

/** Ledgers. Of their entries and signed periods, the database itself refuses to change or delete any. */
async function ledger(db: Kysely<any>): Promise<void> {
  const { schema } = db
  await schema
    .createTable('ledgers')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('organisation', 'text')
    .addColumn('number', 'integer', (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull())
    .addColumn('seal', 'text')
    .addColumn('sealed_by', 'text')
    .addColumn('created_at', 'text', (c) => c.notNull())
    .execute()
  await schema
    .createTable('ledger_entries')
    .addColumn('ledger', 'text', (c) => c.notNull())
    .addColumn('number', 'integer', (c) => c.notNull())
    .addColumn('at', 'text', (c) => c.notNull())
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('source', 'text', (c) => c.notNull())
    .addColumn('value', 'text', (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('ledger_entries_key', ['ledger', 'number'])
    .execute()
  await schema.createIndex('ledger_entries_by_id').unique().on('ledger_entries').columns(['ledger', 'id']).execute()
  await schema
    .createTable('ledger_periods')
    .addColumn('ledger', 'text', (c) => c.notNull())
    .addColumn('period', 'integer', (c) => c.notNull())
    .addColumn('last_number', 'integer', (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull())
    .addColumn('root', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('ledger_periods_key', ['ledger', 'period'])
    .execute()
  await schema
    .createTable('ledger_anchors')
    .addColumn('ledger', 'text', (c) => c.notNull())
    .addColumn('period', 'integer', (c) => c.notNull())
    .addColumn('anchor', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('attempts', 'integer', (c) => c.notNull())
    .addColumn('next_at', 'text', (c) => c.notNull())
    .addColumn('done_at', 'text')
    .addColumn('token', 'text')
    .addColumn('problem', 'text')
    .addPrimaryKeyConstraint('ledger_anchors_key', ['ledger', 'period', 'anchor'])
    .execute()
  await schema.createIndex('ledger_anchors_by_time').on('ledger_anchors').columns(['state', 'next_at']).execute()
  const postgres = db.getExecutor().adapter instanceof PostgresAdapter
  if (postgres) await sql`create function ledger_is_append_only() returns trigger language plpgsql as $$ begin raise exception 'a ledger is append-only'; end $$`.execute(db)
  for (const table of ['ledger_entries', 'ledger_periods']) {
    if (postgres) {
      await sql.raw(`create trigger ${table}_no_change before update or delete on ${table} for each row execute function ledger_is_append_only()`).execute(db)
      await sql.raw(`create trigger ${table}_no_truncate before truncate on ${table} for each statement execute function ledger_is_append_only()`).execute(db)
    } else {
      for (const act of ['update', 'delete']) await sql.raw(`create trigger ${table}_no_${act} before ${act} on ${table} begin select raise(abort, 'a ledger is append-only'); end`).execute(db)
    }
  }
}
