/** A room of the house: which files are in it, what they may import, and why. */
export interface Room {
  readonly name: string
  /** Path prefix, or an exact file. */
  readonly at: string
  /** Path prefixes of the project that it may import, besides itself. */
  readonly mayImport: readonly string[]
  /** npm packages that it may import. */
  readonly packages: readonly string[]
  readonly because: string
}

const core = 'runtime/core/'
const compile = 'runtime/compile/'
const engine = 'runtime/engine/'
const contract = 'control/contract.ts'
const nodeList = 'nodes/index.ts'

/** The rooms in order: the first whose path fits a file is its room. Tests beside the code may import anything. */
export const rooms: readonly Room[] = [
  { name: 'syntax', at: 'runtime/core/syntax/', mayImport: ['runtime/core/bounded-map.ts'], packages: ['acorn', 'jsonata'], because: 'core/syntax reads what people type into a tree, once for all rooms; it runs nothing.' },
  { name: 'core', at: core, mayImport: ['runtime/compile/check-expression.ts', 'runtime/compile/labels/jsonata-labels.ts'], packages: [], because: 'core imports nothing (but what reads the syntax of expressions, for typed values): words have no opinions.' },
  { name: 'compile', at: compile, mayImport: [core], packages: ['ajv', 'ajv-formats'], because: 'compile imports core and the JSON Schema validator only: it is pure (it reads expressions and runs none), so it can be property-tested alone.' },
  { name: 'engine', at: engine, mayImport: [core], packages: [], because: 'engine imports core only: it is pure, so it can be benchmarked alone.' },
  { name: 'sandbox', at: 'runtime/sandbox/', mayImport: [core], packages: ['isolated-vm', 'mustache'], because: 'sandbox imports core and its own library: one door per library, replacing it is replacing one room.' },
  { name: 'schedule', at: 'runtime/schedule/', mayImport: [core], packages: ['bullmq', 'ioredis', 'croner', 'node:sqlite'], because: 'schedule imports core and its own libraries; node:sqlite for the journal of accepted work, which is the gateway’s own and no part of the database.' },
  { name: 'state', at: 'runtime/state/', mayImport: [core], packages: ['ioredis', 'node:sqlite'], because: 'state imports core and its own library; node:sqlite for counts that never end, which are the gateway’s own and no part of the database.' },
  { name: 'clients', at: 'runtime/clients/', mayImport: [core], packages: [], because: 'clients imports core only: it finds records and knows neither where they come from nor what is asked of them.' },
  { name: 'reuse', at: 'runtime/reuse/', mayImport: [core], packages: [], because: 'reuse imports core only: it stands between nodes and their doors, and evaluates nothing.' },
  { name: 'upstream', at: 'runtime/upstream/', mayImport: [core], packages: ['undici', 'ipaddr.js'], because: 'upstream imports core and its own library: one door per library, replacing it is replacing one room.' },
  { name: 'ledger line', at: 'runtime/ledger/', mayImport: [core], packages: [], because: 'runtime/ledger keeps records until control has them; what a ledger is, it does not know.' },
  { name: 'vault client', at: 'runtime/vault/', mayImport: [core, 'vault/contract.ts', 'vault/words/'], packages: [], because: 'a gateway knows of the vault its contract.' },
  { name: 'openid', at: 'runtime/openid/', mayImport: [core], packages: ['openid-client'], because: 'openid imports core and its own library: whoever sends people to an issuer to sign in is given one, and knows no library.' },
  { name: 'telemetry', at: 'runtime/telemetry/', mayImport: [core], packages: ['pino', 'prom-client'], because: 'telemetry imports core and its own library: one door per library, replacing it is replacing one room.' },
  { name: 'deploy', at: 'runtime/deploy/', mayImport: [core, compile, engine], packages: ['croner'], because: 'deploy imports core, compile and engine: it owns time (start, swap, drain, retire).' },
  { name: 'sync', at: 'runtime/sync/', mayImport: [core, compile, engine], packages: [], because: 'sync imports core, compile and engine: it owns what a gateway pulls and keeps.' },
  { name: 'http', at: 'runtime/http/', mayImport: [core, engine], packages: ['fastify', 'find-my-way', '@fastify/busboy', 'cookie', 'qs', 'ipaddr.js', 'iconv-lite'], because: 'http imports core, engine and fastify: the data plane never sees the store.' },
  { name: 'gateway', at: 'runtime/gateway.ts', mayImport: [''], packages: [], because: 'gateway.ts is where the rooms of the data plane meet; it uses no library by itself.' },
  { name: 'settings', at: 'runtime/settings.ts', mayImport: [core, 'runtime/settings/'], packages: ['ajv', 'ajv-formats', 'ipaddr.js'], because: 'settings.ts parses the environment once and knows no room.' },
  { name: 'settings', at: 'runtime/settings/', mayImport: [core], packages: ['ajv', 'ajv-formats', 'ipaddr.js'], because: 'the parts of the settings schema know no room.' },
  { name: 'main', at: 'runtime/', mayImport: [''], packages: ['commander'], because: 'main.ts and its commands call rooms and use no library but the command-line parser.' },
  { name: 'store', at: 'control/store/', mayImport: [core, compile, 'control/', 'ledger/'], packages: ['kysely', 'pg', 'node:sqlite'], because: 'control/store is the only door to the database.' },
  { name: 'publish', at: 'control/publish/', mayImport: [core, compile, 'control/'], packages: ['yaml', '@seriousme/openapi-schema-validator'], because: 'control/publish alone reads OpenAPI documents; it writes flows and records as everybody does.' },
  { name: 'describe', at: 'control/describe/', mayImport: [core, compile, 'control/'], packages: [], because: 'control/describe makes documents of what is deployed; it reads flows and records and writes nothing.' },
  { name: 'control', at: 'control/', mayImport: [core, compile, nodeList, 'vault/contract.ts', 'vault/words/', 'ledger/'], packages: ['cookie', 'ajv', 'ajv-formats', 'yaml', 'jose'], because: 'control imports core, compile and the list of nodes: the control plane never runs a step.' },
  { name: 'portal', at: 'portal/', mayImport: [core, compile, nodeList, contract, 'vault/contract.ts', 'vault/words/'], packages: ['cookie', 'qs', 'marked'], because: 'portal imports core, compile, the list of nodes and the contract of control: the control plane never runs a step.' },
  { name: 'ledger', at: 'ledger/', mayImport: [core], packages: [], because: 'ledger is the arithmetic of records that cannot be altered and what writes them; where they lie is given to it.' },
  { name: 'vault contract', at: 'vault/contract.ts', mayImport: [core, 'vault/words/'], packages: [], because: 'what a vault says to the outside is known to both sides.' },
  { name: 'vault words', at: 'vault/words/', mayImport: [], packages: [], because: 'kinds of keys and forms of names are said in one place, for the vault, control, pages and commands.' },
  { name: 'vault store', at: 'vault/store/', mayImport: [core, 'vault/'], packages: ['pg', 'node:sqlite'], because: 'vault/store is the only door to the vault’s database, which is no other’s.' },
  { name: 'vault', at: 'vault/', mayImport: [core, 'ledger/'], packages: ['jose', 'koffi'], because: 'the vault is a process of its own: it imports core, the ledger, the library of JOSE and, for PKCS#11, the one that calls C.' },
    { name: 'auth-server', at: 'auth-server/', mayImport: [core, 'control/oauth-contract.ts', 'portal/html.ts'], packages: ['oidc-provider', 'jose'], because: 'auth-server imports core, its contract with control, the escaping of markup and its own library: it sees of the records what that contract shows, and of the store nothing.' },
  { name: 'editor', at: 'editor/', mayImport: [core, compile, nodeList, contract, 'portal/'], packages: ['cookie', '@node-red/editor-api', '@node-red/editor-client', '@node-red/nodes', '@node-red/registry', '@node-red/runtime', '@node-red/util'], because: 'editor imports core, compile, the list of nodes, the contract of control and the pages that share its port: the control plane never runs a step.' },
  { name: 'node list', at: nodeList, mayImport: ['nodes/', core], packages: [], because: 'nodes/index.ts is the list of nodes and nothing else.' },
  { name: 'shared by nodes', at: 'nodes/shared/', mayImport: [core], packages: ['mustache', 'csv-parse', 'iconv-lite', 'jsonata', 'croner', 'cookie', 'qs', 'ajv', 'ajv-formats', 'acorn', 'acorn-walk', '@fastify/busboy', 'json-p3'], because: 'what several nodes have in common imports core and pure libraries, and no node.' },
  { name: 'nodes', at: 'nodes/', mayImport: [core, 'nodes/shared/'], packages: ['mustache', 'csv-parse', 'iconv-lite', 'jsonata', 'croner', 'cookie', 'qs', 'ajv', 'ajv-formats', 'acorn', 'acorn-walk', '@fastify/busboy', 'json-p3'], because: 'a node imports core, what nodes share and pure libraries, never another node: what it needs arrives in its scope.' },
  { name: 'flows', at: 'flows/', mayImport: ['runtime/'], packages: [], because: 'flows are examples: data, and the small upstream they talk to.' },
  { name: 'start', at: 'start.mjs', mayImport: ['runtime/node-flags.mjs'], packages: [], because: 'start.mjs must run on an old Node: it only finds a newer one.' },
  { name: 'vitest config', at: 'vitest.config.ts', mayImport: ['runtime/node-flags.mjs'], packages: ['vitest'], because: 'the test runner only needs the flags.' },
  { name: 'test', at: 'test/', mayImport: [''], packages: ['*'], because: 'tests may import anything.' },
]

/** Files and folders that may lie at the top. */
export const topLevel: ReadonlySet<string> = new Set([
  'package.json', 'package-lock.json', 'tsconfig.json', 'vitest.config.ts', 'start.mjs', 'README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'LICENSE', 'NOTICE',
  '.ci', '.github', '.gitignore', '.gitattributes', '.npmrc', '.editorconfig', '.oxlintrc.json', '.dockerignore',
  'runtime', 'nodes', 'editor', 'control', 'portal', 'auth-server', 'vault', 'ledger', 'flows', 'test', 'docker', 'docs',
])

/** The room a file is in. */
export function roomOf(file: string): Room | undefined {
  return rooms.find((room) => (room.at.endsWith('/') ? file.startsWith(room.at) : file === room.at))
}

/** Folder of one node: `nodes/change/`. */
export function nodeFolder(file: string): string | undefined {
  return /^nodes\/[^/]+\//.exec(file)?.[0]
}
