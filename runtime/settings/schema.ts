import type { Settings } from './shape.ts'

/** Which processes a setting is handed to. A gateway never sees what only control needs. */
export type Plane = 'both' | 'control' | 'gateway' | 'supervisor' | 'vault' | 'control and vault' | 'gateway and vault'

/** JSON Schema of one setting, with what the settings page and the environment need beside it. */
export interface SettingSchema {
  readonly type: 'string' | 'integer' | 'boolean' | 'array' | 'object'
  readonly title: string
  readonly description?: string
  /** What a right value looks like; ends the sentence “… expected …”. */
  readonly expects: string
  readonly section: string
  readonly plane: Plane
  readonly default?: unknown
  /** Name in the environment when it is not SLUICE_ plus the property in capitals. */
  readonly env?: string
  /** Its value is never repeated in a message or printed. */
  readonly secret?: true
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly pattern?: string
  readonly enum?: readonly unknown[]
  readonly items?: object
  readonly additionalProperties?: object
}

const port = { type: 'integer', minimum: 0, maximum: 65535, expects: 'a port from 0 to 65535 (0 picks a free one)' } as const
const ms = (least = 0) => ({ type: 'integer', minimum: least, maximum: 86_400_000, expects: `milliseconds, a whole number from ${least} to 86400000` }) as const
const bytes = { type: 'integer', minimum: 1, maximum: 1_073_741_824, expects: 'bytes: a whole number from 1 to 1073741824, or one with KB or MB' } as const
const file = { type: 'string', minLength: 1, expects: 'the path of a PEM file' } as const
const names = { type: 'array', items: { type: 'string', minLength: 1 } } as const
const tlsVersion = { type: 'string', enum: ['TLSv1.2', 'TLSv1.3'], expects: 'TLSv1.2 or TLSv1.3' } as const
const httpUrl = { type: 'string', pattern: '^https?://[^\\s/]+', expects: 'an http or https URL' } as const

/** Every setting there is, in the order of the settings page. */
export const settingSchemas: Readonly<Record<keyof Omit<Settings, 'flowEnvironment' | 'vaultPkcs11Environment'>, SettingSchema>> = {
  host: { type: 'string', minLength: 1, default: '127.0.0.1', section: 'Where it listens', plane: 'both',
    expects: 'an address or host name of this machine', title: 'Address all ports listen on', description: '`0.0.0.0` or `::` makes them reachable from other machines; give certificates then.' },
  gatewayPort: { ...port, default: 8080, section: 'Where it listens', plane: 'gateway', title: 'Port of the APIs' },
  opsPort: { ...port, default: 8081, section: 'Where it listens', plane: 'gateway', title: 'Port of /healthz, /readyz and /metrics', description: 'With several gateway processes the second takes the next port, and so on.' },
  controlPort: { ...port, default: 1880, section: 'Where it listens', plane: 'control', title: 'Port of the editor, the pages and the admin API' },
  controlPublicUrl: { type: 'string', pattern: '^https?://[^\\s/?#@]+/?$', section: 'Where it listens', plane: 'control', expects: 'an http or https URL without a path',
    title: 'Where browsers find the editor and the pages', description: 'For a proxy in front that ends TLS: with `https://…` cookies are marked Secure, so that signing in works by that address only. Links that are shown begin with it. Default: the port itself.' },
  auth: { type: 'boolean', default: false, section: 'Where it listens', plane: 'supervisor', expects: 'on or off', title: 'Whether `start` runs the authorization server too', description: 'A process of its own: OAuth 2.0 and OpenID Connect for applications whose records say so.' },
  authPort: { ...port, default: 1881, section: 'Where it listens', plane: 'control', title: 'Port of the authorization server' },
  authIssuer: { type: 'string', pattern: '^https?://[^\\s/?#@]+$', section: 'Where it listens', plane: 'control', expects: 'an http or https URL without a path, without a slash at its end',
    title: 'Issuer of tokens: where clients and browsers find the authorization server', description: 'With `https://…` a proxy in front ends TLS. Control needs the same value to know the tokens’ clients. Default with `start`: the port itself.' },
  samplePort: { ...port, default: 0, section: 'Where it listens', plane: 'supervisor', title: 'Port of the sample upstream', description: 'Always on loopback.' },
  gateways: { type: 'string', pattern: '^(auto|[1-9][0-9]{0,2})$', default: '1', section: 'Where it listens', plane: 'supervisor',
    expects: 'a number of processes from 1 to 999, or auto for one per core', title: 'Gateway processes on the one port', description: 'More than one needs Linux.' },

  dataDir: { type: 'string', minLength: 1, default: './data', section: 'Data', plane: 'both', expects: 'the path of a folder', title: 'Folder of everything that is kept', description: 'Relative paths start at the working folder.' },
  databaseUrl: { type: 'string', pattern: '^postgres(ql)?://', env: 'DATABASE_URL', secret: true, section: 'Data', plane: 'control',
    expects: 'a postgres:// URL', title: 'PostgreSQL instead of the embedded store', description: 'PostgreSQL 15 or newer.' },
  samples: { type: 'boolean', default: true, section: 'Data', plane: 'supervisor', expects: 'on or off', title: 'Sample flows and their upstream', description: 'Loaded on a first start with an empty data folder.' },

  adminPassword: { type: 'string', minLength: 8, secret: true, section: 'People and keys', plane: 'control', expects: 'at least 8 characters', title: 'Password of the user admin', description: 'Wins at every start. Without it one is generated and printed until the first sign-in.' },
  credentialKey: { type: 'string', pattern: '^(?:[0-9a-fA-F]{64}|[A-Za-z0-9+/]{43}=)$', secret: true, section: 'People and keys', plane: 'control', expects: '32 bytes in hex (64 digits) or base64', title: 'Key that node credentials are sealed under', description: 'Without it one is generated in the data folder.' },
  sessionTtlMs: { ...ms(60_000), default: 43_200_000, section: 'People and keys', plane: 'control', title: 'How long a sign-in lasts' },
  authTokenTtlMs: { ...ms(1000), default: 300_000, section: 'People and keys', plane: 'control', title: 'How long an access token of the authorization server lasts', description: 'Gateways verify it without asking back; what was revoked they refuse within a second while they hear control, else for as long as it lasts it is good.' },
  upstreamOidcIssuer: { type: 'string', pattern: '^(?:https://[^\\s/?#@]+|http://(?:127\\.0\\.0\\.1|localhost|\\[::1\\])(?::[0-9]+)?)(?:/[^\\s?#]*)?$', section: 'People and keys', plane: 'control', expects: 'an https URL, or http to this machine',
    title: 'Another OpenID provider at which people may sign in to the authorization server', description: 'Its redirect URI here is the issuer of tokens with `/upstream/callback`. A private address has to be allowed by SLUICE_EGRESS_ALLOW.' },
  upstreamOidcClientId: { type: 'string', minLength: 1, section: 'People and keys', plane: 'control', expects: 'the id under which it knows Sluice', title: 'Client id at that provider' },
  upstreamOidcClientSecret: { type: 'string', minLength: 1, secret: true, section: 'People and keys', plane: 'control', expects: 'the secret that it gave', title: 'Client secret at that provider' },
  upstreamOidcName: { type: 'string', pattern: '^[^\\u0000-\\u001f]{1,60}$', section: 'People and keys', plane: 'control', expects: 'at most 60 characters', title: 'What people call that provider', description: 'Stands on its button. Default: its host.' },
  upstreamOidcScope: { type: 'string', default: 'openid profile email', pattern: '^(?:\\S+ )*openid(?: \\S+)*$', section: 'People and keys', plane: 'control', expects: 'scopes with openid among them', title: 'What is asked of that provider' },
  upstreamOidcRoles: { type: 'array', items: { type: 'string', pattern: '^[^,]+:[^:=,]+=(?:admin|editor|viewer|creator|publisher|operator|auditor|data-officer|subscriber)$' }, default: [], section: 'People and keys', plane: 'control', expects: 'claim:value=role, separated by commas, with roles of Sluice',
    title: 'Which claims of its ID tokens give which role', description: 'The first that fits: `groups:sluice-admins=admin,groups:staff=viewer`. A claim inside another is named with dots: `realm_access.roles:ops=operator`. Whoever has none is refused.' },
  upstreamOidcCreate: { type: 'boolean', default: false, section: 'People and keys', plane: 'control', expects: 'on or off', title: 'Whether whoever signs in there with a role becomes a user', description: 'Off: only users that an administrator linked get in.' },
  signIn: { type: 'string', enum: ['password', 'openid'], default: 'password', section: 'People and keys', plane: 'control', expects: 'password or openid', title: 'How people sign in on the pages', description: '`password`: with their password, or by a button at the authorization server where there is one. `openid`: at the authorization server only; set it back to `password` when that is down for long.' },

  controlUrl: { ...httpUrl, section: 'Control and gateways', plane: 'gateway', title: 'Where a gateway finds control', description: '`start` sets it by itself.' },
  gatewayToken: { type: 'string', minLength: 16, secret: true, section: 'Control and gateways', plane: 'gateway', expects: 'a join token of at least 16 characters', title: 'One-time token a new gateway joins with', description: 'Made on the page of gateways; not needed again once the gateway has its key.' },
  gatewayName: { type: 'string', pattern: '^[A-Za-z0-9._-]{1,63}$', section: 'Control and gateways', plane: 'gateway', expects: 'letters, digits, dots, dashes and underscores, at most 63', title: 'Name shown for this gateway', description: 'Default: host name and number.' },
  drainLimitMs: { ...ms(), default: 30_000, section: 'Control and gateways', plane: 'both', title: 'How long requests in flight may take to finish at a stop' },
  clientsStaleMs: { ...ms(5000), default: 10_000, section: 'Control and gateways', plane: 'gateway', title: 'How old a gateway’s records of callers may be', description: 'A gateway that was out of touch with control for longer says so in its log, its metrics and `/readyz`.' },
  clientsWhenStale: { type: 'string', enum: ['serve', 'refuse'], default: 'serve', section: 'Control and gateways', plane: 'gateway', expects: 'serve or refuse', title: 'What becomes of callers while those records are too old', description: '`refuse` turns away all who would have to prove who they are, also from the start of a gateway until it has found control.' },
  decisionsDays: { type: 'integer', minimum: 1, maximum: 366, default: 7, section: 'Control and gateways', plane: 'control', expects: 'days, a whole number from 1 to 366', title: 'How long control keeps why calls were refused', description: 'At most 100,000 of the newest; callers whom nobody knows have no more than half of them.' },

  redisUrl: { type: 'string', pattern: '^rediss?://[^\\s/]', secret: true, section: 'What gateways count together', plane: 'gateway', expects: 'a redis:// or rediss:// URL', title: 'Redis in which gateways count quotas, rates and sessions together', description: 'Redis 7 or newer. Without it each gateway process counts for itself, in memory.' },
  redisPrefix: { type: 'string', default: 'sluice:', pattern: '^[!-~]{0,64}$', section: 'What gateways count together', plane: 'gateway', expects: 'at most 64 printable characters without spaces', title: 'Before the name of every key in Redis', description: 'Installations that share a Redis need different ones.' },
  stateTimeoutMs: { ...ms(1), default: 100, section: 'What gateways count together', plane: 'gateway', title: 'How long a limit waits for Redis', description: 'After that it is taken as away, and each node decides as it says for this case. A lost connection is known at once.' },
  stateShares: { type: 'integer', minimum: 1, maximum: 10_000, section: 'What gateways count together', plane: 'gateway', expects: 'a whole number from 1 to 10000', title: 'Parts that limits are divided into while Redis is away', description: 'For nodes that count locally then: the number of gateway processes everywhere. Default: those of this machine.' },

  cacheMb: { type: 'integer', minimum: 1, maximum: 65_536, default: 64, section: 'Caches', plane: 'gateway', expects: 'megabytes, a whole number from 1 to 65536', title: 'Memory for what caches keep', description: 'For each gateway process, without Redis. What was used longest ago goes first, of the flow that holds most.' },
  cacheRedisUrl: { type: 'string', pattern: '^rediss?://[^\\s/]', secret: true, section: 'Caches', plane: 'gateway', expects: 'a redis:// or rediss:// URL', title: 'Redis in which gateways keep caches together', description: 'One of its own, with a limit of memory and `maxmemory-policy volatile-ttl`. Default: SLUICE_REDIS_URL; without both, the memory of each gateway process.' },
  cacheKey: { type: 'string', pattern: '^(?:[0-9a-fA-F]{64}|[A-Za-z0-9+/]{43}=)$', secret: true, section: 'Caches', plane: 'gateway', expects: '32 bytes in hex (64 digits) or base64', title: 'Key that caches and records in Redis are encrypted with', description: 'The same on all gateways; records are what idempotency and session keep. Without it they lie there in clear, and nodes that must not have that refuse to be deployed.' },
  reuse: { type: 'boolean', default: true, section: 'Caches', plane: 'gateway', expects: 'on or off', title: 'Whether work is not done twice', description: 'Answers of upstreams are asked whether they still hold, bodies with the same bytes are parsed once, expressions on the same input evaluated once. A flow switches it off with a variable of the same name in the environment of its tab.' },
  reuseMb: { type: 'integer', minimum: 1, maximum: 65_536, default: 64, section: 'Caches', plane: 'gateway', expects: 'megabytes, a whole number from 1 to 65536', title: 'Memory for what is used again', description: 'For each gateway process.' },

  jobKey: { type: 'string', pattern: '^(?:[0-9a-fA-F]{64}|[A-Za-z0-9+/]{43}=)$', secret: true, section: 'Work for later', plane: 'gateway', expects: '32 bytes in hex (64 digits) or base64', title: 'Key that accepted work is encrypted with', description: 'With Redis it is needed, the same on all gateways; without one no work is accepted. Without Redis one is made in the gateway’s folder.' },
  jobsWhenUnsafe: { type: 'string', enum: ['refuse', 'warn'], default: 'refuse', section: 'Work for later', plane: 'gateway', expects: 'refuse or warn', title: 'What becomes of new work while Redis would lose it', description: 'Redis has to have `maxmemory-policy noeviction` and `appendonly yes`. `warn` accepts all the same and says so in the log and in `sluice_jobs_unsafe`.' },

  ledgerPeriodMs: { type: 'integer', minimum: 1000, maximum: 86_400_000, default: 3_600_000, section: 'Ledgers', plane: 'control', expects: 'milliseconds, a whole number from 1000 to 86400000', title: 'After how long the newest entries of a ledger are signed', description: 'Counted from the first that is not. The audit log is one of the ledgers.' },
  ledgerPeriodEntries: { type: 'integer', minimum: 1, maximum: 100_000, default: 10_000, section: 'Ledgers', plane: 'control', expects: 'a whole number from 1 to 100000', title: 'After how many entries they are signed at once' },
  ledgerAnchors: { ...names, items: { type: 'string', pattern: '^(?:file:.+|(?:timestamp:)?https?://[^\\s/]+.*)$' }, default: [], section: 'Ledgers', plane: 'control', expects: '`file:` and a path, `timestamp:` and the URL of a time stamp authority (RFC 3161), or a URL, separated by commas', title: 'Witnesses that get each signed root of a ledger', description: 'Besides `ledger-anchors.jsonl` in the data folder. A URL gets the root by POST. A file is best on a disk that only grows, or another machine’s. What holds for callouts of flows (SLUICE_EGRESS_ALLOW) holds here.' },
  ledgerJournalMb: { type: 'integer', minimum: 1, maximum: 1024, default: 64, section: 'Ledgers', plane: 'gateway', expects: 'megabytes, a whole number from 1 to 1024', title: 'What of records may wait at a gateway while control is away', description: 'After that `record` nodes fail with `ledger.unavailable`.' },

  vault: { type: 'string', enum: ['auto', 'on', 'off'], default: 'auto', section: 'Vault', plane: 'supervisor', expects: 'auto, on or off', title: 'Whether `start` runs a vault', description: '`auto`: from when a flow, a page or a command first needs it. Not with SLUICE_VAULT_URL.' },
  vaultPort: { ...port, section: 'Vault', plane: 'vault', title: 'Port of the vault', description: 'Default: 1882 for `sluice vault`; `start` picks a free one for its own.' },
  vaultOpsPort: { ...port, section: 'Vault', plane: 'vault', title: 'Port of /healthz, /readyz and /metrics of the vault', description: 'None when absent. Open to whoever reaches it, as that of gateways: it tells numbers and names of certificates, and no value.' },
  vaultUrl: { ...names, items: { type: 'string', pattern: '^https?://[^\\s/?#@]+/?$' }, default: [], section: 'Vault', plane: 'both', expects: 'http or https URLs without a path, separated by commas', title: 'Where gateways and control find a vault', description: 'Several, on one database, stand in for each other. `start` sets it by itself.' },
  vaultDatabaseUrl: { type: 'string', pattern: '^postgres(ql)?://', env: 'VAULT_DATABASE_URL', secret: true, section: 'Vault', plane: 'vault', expects: 'a postgres:// URL', title: 'PostgreSQL of the vault instead of its embedded store', description: 'A database of its own, never that of control. Without it the vault keeps a file in `vault` below the data folder.' },
  vaultGatewayToken: { ...names, items: { type: 'string', pattern: '^(?:sha256:[0-9a-f]{64}|[!-+\\--~]{32,256})$' }, default: [], secret: true, section: 'Vault', plane: 'gateway and vault', expects: 'tokens of at least 32 characters, separated by commas', title: 'What gateways show the vault', description: 'A gateway shows the first; a vault takes each, also written as `sha256:` and 64 digits of hex. `start` makes one by itself.' },
  vaultGatewayTokenFile: { type: 'string', minLength: 1, section: 'Vault', plane: 'gateway and vault', expects: 'the path of a file', title: 'File with those tokens, one a line', description: 'In place of the variable.' },
  vaultControlToken: { ...names, items: { type: 'string', pattern: '^(?:sha256:[0-9a-f]{64}|[!-+\\--~]{32,256})$' }, default: [], secret: true, section: 'Vault', plane: 'control and vault', expects: 'tokens of at least 32 characters, separated by commas', title: 'What control shows the vault', description: 'As the one of gateways, and another: who has it decides who may see what, and sees no value.' },
  vaultControlTokenFile: { type: 'string', minLength: 1, section: 'Vault', plane: 'control and vault', expects: 'the path of a file', title: 'File with those tokens, one a line', description: 'In place of the variable.' },
  vaultTimeoutMs: { ...ms(10), default: 2000, section: 'Vault', plane: 'gateway', title: 'How long a gateway waits for an answer of the vault', description: 'After that the next one is asked, if there is one; a vault that was silent is left alone until it answers again.' },
  vaultTlsCertFile: { ...file, section: 'Vault', plane: 'vault', title: 'Certificate chain of the vault' },
  vaultTlsKeyFile: { ...file, section: 'Vault', plane: 'vault', title: 'Private key of the vault' },
  vaultTlsClientCaFile: { ...file, section: 'Vault', plane: 'vault', title: 'Authorities whose certificates prove gateways and control', description: 'The organisational unit, a DNS name or a URI of the certificate says which: `gateway`, `control`, `gateway.internal`, `sluice:control`. Beside tokens or in place of them.' },
  vaultCaFile: { ...file, section: 'Vault', plane: 'both', title: 'Authority that signed the vault’s certificate', description: 'Public authorities are known.' },
  vaultClientCertFile: { ...file, section: 'Vault', plane: 'both', title: 'Certificate that a gateway or control shows the vault', description: 'In place of a token. Each has its own.' },
  vaultClientKeyFile: { ...file, section: 'Vault', plane: 'both', title: 'Its private key' },
  vaultMasterKeyFile: { type: 'string', minLength: 1, section: 'Vault', plane: 'vault', expects: 'the path of a file', title: 'Master key of the vault as a file', description: 'Made on the first start. Default: `master.key` in the folder of the vault; on another disk, a copy of the database alone opens nothing.' },
  vaultPkcs11Module: { type: 'string', minLength: 1, section: 'Vault', plane: 'vault', expects: 'the path of a PKCS#11 library', title: 'Master key in a PKCS#11 token (HSM) instead', description: 'Such as `/usr/lib/softhsm/libsofthsm2.so`.' },
  vaultPkcs11Token: { type: 'string', minLength: 1, section: 'Vault', plane: 'vault', expects: 'the label of a token', title: 'Which of its tokens' },
  vaultPkcs11PinFile: { type: 'string', minLength: 1, section: 'Vault', plane: 'vault', expects: 'the path of a file', title: 'File with the PIN of that token' },
  vaultPkcs11Env: { ...names, default: [], section: 'Vault', plane: 'vault', expects: 'names of environment variables, separated by commas', title: 'Environment variables that the library reads', description: 'Such as `SOFTHSM2_CONF`. Nothing else of the environment reaches the vault.' },

  deadlineMs: { ...ms(1), default: 30_000, section: 'Requests', plane: 'gateway', title: 'Longest time a run may take', description: 'A flow can have its own: a variable of the same name in the environment of its tab; an http in node too.' },
  trustRequestDeadline: { type: 'boolean', default: false, section: 'Requests', plane: 'gateway', expects: 'on or off', title: 'Whether callers may say how long they wait',
    description: 'In `X-Request-Deadline`, milliseconds. It only shortens the time of their run, and callouts are told what is left of it. For gateways whose callers are services of one’s own.' },
  bodyLimitBytes: { ...bytes, default: 5_242_880, section: 'Requests', plane: 'gateway', title: 'Largest request body' },
  headerLimitBytes: { ...bytes, default: 16_384, section: 'Requests', plane: 'gateway', title: 'Largest request head' },
  headersTimeoutMs: { ...ms(1), default: 10_000, section: 'Requests', plane: 'gateway', title: 'Time a client has to send its request head' },
  requestTimeoutMs: { ...ms(1), default: 60_000, section: 'Requests', plane: 'gateway', title: 'Time a client has to send its whole request' },
  idleTimeoutMs: { ...ms(1), default: 65_000, section: 'Requests', plane: 'gateway', title: 'Time a connection is kept open between requests' },
  hopLimit: { type: 'integer', minimum: 10, maximum: 1_000_000, default: 10_000, section: 'Requests', plane: 'gateway', expects: 'a whole number from 10 to 1000000', title: 'Most steps one run may take', description: 'Ends flows that go round in a circle.' },
  apiVersionHeader: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9-]{0,63}$', default: 'API-Version', section: 'Requests', plane: 'gateway', expects: 'the name of a header', title: 'Header by which callers ask for a version of an API',
    description: 'Answers say their version in it. Without `X-` (RFC 6648); see the guide on versions.' },
  publicRoutes: { type: 'string', enum: ['allow', 'forbid'], default: 'allow', section: 'Requests', plane: 'both', expects: 'allow or forbid', title: 'What becomes of routes that ask nobody who calls', description: '`forbid`: control deploys none, and gateways answer 401 `auth.required` on those of a release made before, whatever the API’s record says.' },
  admission: { type: 'string', enum: ['off', 'fixed', 'adaptive'], default: 'off', section: 'Requests', plane: 'gateway', expects: 'off, fixed or adaptive', title: 'Whether a gateway limits how many requests are in flows at once',
    description: 'Above the limit they wait by priority. `adaptive` finds the limit from how long requests take. See the guide on priority.' },
  admissionLimit: { type: 'integer', minimum: 1, maximum: 100_000, default: 256, section: 'Requests', plane: 'gateway', expects: 'a whole number from 1 to 100000', title: 'Requests in flows at once, of each gateway process', description: 'With `adaptive`: where it begins.' },
  admissionLimitMin: { type: 'integer', minimum: 1, maximum: 100_000, default: 8, section: 'Requests', plane: 'gateway', expects: 'a whole number from 1 to 100000', title: 'Lowest limit that `adaptive` may find' },
  admissionLimitMax: { type: 'integer', minimum: 1, maximum: 100_000, default: 4096, section: 'Requests', plane: 'gateway', expects: 'a whole number from 1 to 100000', title: 'Highest limit that `adaptive` may find' },
  admissionMaxWaitMs: { ...ms(), default: 10_000, section: 'Requests', plane: 'gateway', title: 'Longest wait at the limit', description: 'Nobody waits past the deadline of the run either; who cannot make it is refused at once with 503 and `Retry-After`.' },
  admissionMaxDepth: { type: 'integer', minimum: 0, maximum: 1_000_000, default: 10_000, section: 'Requests', plane: 'gateway', expects: 'a whole number from 0 to 1000000', title: 'Most requests that wait at the limit', description: 'When it is reached, somebody more important takes the place of the least important.' },
  admissionReservePercent: { type: 'integer', minimum: 0, maximum: 50, default: 5, section: 'Requests', plane: 'gateway', expects: 'a whole number from 0 to 50', title: 'Part of the limit that only priority 0 may use, in percent', description: 'For health checks and what operators need: tabs with SLUICE_PRIORITY=0 in their environment, and callers whose plan says 0. Rounded down.' },
  queueWaitHeader: { type: 'boolean', default: true, section: 'Requests', plane: 'gateway', expects: 'on or off', title: 'Whether callers that came to a line are told how long they waited', description: 'As `X-Queue-Wait-Ms`. Off: only where a priority queue node says so.' },
  trustedProxies: { ...names, default: [], section: 'Requests', plane: 'both', expects: 'addresses or CIDR ranges, separated by commas', title: 'Proxies whose X-Forwarded-For is believed' },

  tlsCertFile: { ...file, section: 'TLS', plane: 'gateway', title: 'Certificate chain of the APIs' },
  tlsKeyFile: { ...file, section: 'TLS', plane: 'gateway', title: 'Private key of the APIs' },
  tlsMinVersion: { ...tlsVersion, default: 'TLSv1.2', section: 'TLS', plane: 'both', title: 'Oldest TLS version taken' },
  tlsHosts: { type: 'object', section: 'TLS', plane: 'gateway', default: {}, expects: 'JSON: {"api.example.com": {"certFile": …, "keyFile": …, "clientCaFile": …, "clientCertificate": "request" or "require"}}',
    title: 'Certificates and client-certificate rules by host name (SNI)',
    additionalProperties: { type: 'object', additionalProperties: false, properties: {
      certFile: { type: 'string', minLength: 1 }, keyFile: { type: 'string', minLength: 1 }, clientCaFile: { type: 'string', minLength: 1 }, clientCertificate: { enum: ['off', 'request', 'require'] } } } },
  tlsClientCaFile: { ...file, section: 'TLS', plane: 'gateway', title: 'Authorities that sign client certificates' },
  tlsClientCertificate: { type: 'string', enum: ['off', 'request', 'require'], default: 'off', section: 'TLS', plane: 'gateway', expects: 'off, request or require', title: 'Whether clients show a certificate' },
  controlTlsCertFile: { ...file, section: 'TLS', plane: 'control', title: 'Certificate chain of the editor and admin API' },
  controlTlsKeyFile: { ...file, section: 'TLS', plane: 'control', title: 'Private key of the editor and admin API' },
  controlCaFile: { ...file, section: 'TLS', plane: 'gateway', title: 'Authority that signed control’s certificate', description: 'For gateways elsewhere; public authorities are known. Those that `start` runs know control by its certificate file.' },

  egressAllow: { ...names, default: [], section: 'Callouts', plane: 'both', expects: 'hosts or CIDR ranges, each with an optional :port, separated by commas', title: 'Private addresses that flows and connectors may call', description: 'Loopback, link-local, private and metadata addresses are refused unless listed: `10.1.0.0/16`, `db.internal:8443`, `[::1]:9000`.' },
  extraCaFiles: { ...names, default: [], section: 'Callouts', plane: 'both', expects: 'paths of PEM files, separated by commas', title: 'Certificate authorities trusted beside the public ones' },

  flowEnv: { ...names, default: [], section: 'Flows and functions', plane: 'gateway', expects: 'names of environment variables, separated by commas', title: 'Environment variables that flows may read', description: 'Everything else of the environment is out of their reach.' },
  scriptTimeoutMs: { ...ms(1), default: 100, section: 'Flows and functions', plane: 'gateway', title: 'Processor time a function may use per call, off the serving thread' },
  scriptHeapMb: { type: 'integer', minimum: 8, maximum: 4096, default: 32, section: 'Flows and functions', plane: 'gateway', expects: 'megabytes, a whole number from 8 to 4096', title: 'Memory of one isolate' },
  scriptIsolates: { type: 'integer', minimum: 1, maximum: 64, default: 4, section: 'Flows and functions', plane: 'gateway', expects: 'a whole number from 1 to 64', title: 'Isolates per owner' },
  scriptInputLimitBytes: { ...bytes, default: 1_048_576, section: 'Flows and functions', plane: 'gateway', title: 'Largest message a function takes' },

  traceSample: { type: 'string', pattern: '^(?:100|[0-9]{1,2}(?:\\.[0-9]{1,4})?)$', default: '0', section: 'Traces', plane: 'gateway', expects: 'a percentage from 0 to 100', title: 'How many of all runs are traced, in percent', description: 'Nodes, times and faults, without messages: for OpenTelemetry and the metrics of nodes.' },
  tracePayloads: { type: 'string', enum: ['watched', 'local', 'none'], default: 'watched', section: 'Traces', plane: 'gateway', expects: 'watched, local or none', title: 'What is kept of messages', description: '`watched`: those of runs that somebody watches, in memory, for 15 minutes. `local`: the same, and no value of them leaves the gateway: the editor shows names and sizes. `none`: nothing.' },
  otlpUrl: { ...httpUrl, section: 'Traces', plane: 'gateway', title: 'OpenTelemetry collector that gets traced runs', description: 'OTLP over HTTP; spans go to `/v1/traces` below it.' },
  otlpHeaders: { type: 'array', items: { type: 'string', pattern: '^[!-~]+=[^\\r\\n]*$' }, default: [], secret: true, section: 'Traces', plane: 'gateway', expects: 'name=value, separated by commas', title: 'Headers by which the collector knows its senders' },

  logLevel: { type: 'string', enum: ['debug', 'info', 'warn', 'error', 'silent'], default: 'info', section: 'Logs', plane: 'both', expects: 'debug, info, warn, error or silent', title: 'Least important lines that are written' },
  logFormat: { type: 'string', enum: ['auto', 'text', 'json'], default: 'auto', section: 'Logs', plane: 'both', expects: 'auto, text or json', title: 'Shape of log lines', description: '`auto`: text on a terminal, else JSON, one object a line.' },
}

/** Property names in the order of the page. */
export const settingNames = Object.keys(settingSchemas) as readonly (keyof typeof settingSchemas)[]

/** The variable that carries a setting: `bodyLimitBytes` is `SLUICE_BODY_LIMIT_BYTES`. */
export function variableOf(name: keyof typeof settingSchemas): string {
  return settingSchemas[name].env ?? `SLUICE_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
}

/** Where the settings file lies; not a setting itself. */
export const configVariable = 'SLUICE_CONFIG'
