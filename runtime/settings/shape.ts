/** Everything that can be set, parsed once and frozen. Meanings and limits: docs/settings.md. */
export interface Settings {
  readonly host: string
  readonly gatewayPort: number
  readonly opsPort: number
  readonly controlPort: number
  /** Origin, perhaps with a slash behind it. */
  readonly controlPublicUrl?: string
  /** Whether `start` runs the authorization server. */
  readonly auth: boolean
  readonly authPort: number
  /** Origin, without a slash behind it. */
  readonly authIssuer?: string
  readonly samplePort: number
  /** A number of processes, or `auto`. */
  readonly gateways: string
  /** Absolute. */
  readonly dataDir: string
  readonly databaseUrl?: string
  readonly samples: boolean
  readonly adminPassword?: string
  readonly credentialKey?: string
  readonly sessionTtlMs: number
  readonly authTokenTtlMs: number
  /** Another provider at which people may sign in. */
  readonly upstreamOidcIssuer?: string
  readonly upstreamOidcClientId?: string
  readonly upstreamOidcClientSecret?: string
  readonly upstreamOidcName?: string
  readonly upstreamOidcScope: string
  /** `claim:value=role`; the first that fits. */
  readonly upstreamOidcRoles: readonly string[]
  readonly upstreamOidcCreate: boolean
  /** How people sign in on the pages. */
  readonly signIn: 'password' | 'openid'
  readonly controlUrl?: string
  readonly gatewayToken?: string
  readonly gatewayName?: string
  readonly drainLimitMs: number
  readonly clientsStaleMs: number
  readonly clientsWhenStale: 'serve' | 'refuse'
  readonly publicRoutes: 'allow' | 'forbid'
  readonly decisionsDays: number
  readonly redisUrl?: string
  readonly redisPrefix: string
  readonly stateTimeoutMs: number
  readonly stateShares?: number
  readonly cacheMb: number
  readonly cacheRedisUrl?: string
  readonly cacheKey?: string
  readonly reuse: boolean
  readonly reuseMb: number
  readonly jobKey?: string
  readonly jobsWhenUnsafe: 'refuse' | 'warn'
  readonly ledgerPeriodMs: number
  readonly ledgerPeriodEntries: number
  /** `file:<path>`, `timestamp:<url>` or a URL. */
  readonly ledgerAnchors: readonly string[]
  readonly ledgerJournalMb: number
  /** Whether `start` runs a vault: once somebody needs it, at once, never. */
  readonly vault: 'auto' | 'on' | 'off'
  readonly vaultPort?: number
  readonly vaultOpsPort?: number
  /** Origins, perhaps with a slash behind them. */
  readonly vaultUrl: readonly string[]
  readonly vaultDatabaseUrl?: string
  /** In clear, or `sha256:` and hex where a vault is to know them. */
  readonly vaultGatewayToken: readonly string[]
  readonly vaultGatewayTokenFile?: string
  readonly vaultControlToken: readonly string[]
  readonly vaultControlTokenFile?: string
  readonly vaultTimeoutMs: number
  readonly vaultTlsCertFile?: string
  readonly vaultTlsKeyFile?: string
  readonly vaultTlsClientCaFile?: string
  readonly vaultCaFile?: string
  readonly vaultClientCertFile?: string
  readonly vaultClientKeyFile?: string
  readonly vaultMasterKeyFile?: string
  readonly vaultPkcs11Module?: string
  readonly vaultPkcs11Token?: string
  readonly vaultPkcs11PinFile?: string
  readonly vaultPkcs11Env: readonly string[]
  /** Values of the variables that `vaultPkcs11Env` names, as they were at the start. */
  readonly vaultPkcs11Environment: Readonly<Record<string, string>>
  readonly deadlineMs: number
  readonly trustRequestDeadline: boolean
  readonly bodyLimitBytes: number
  readonly headerLimitBytes: number
  readonly headersTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly hopLimit: number
  readonly apiVersionHeader: string
  readonly admission: 'off' | 'fixed' | 'adaptive'
  readonly admissionLimit: number
  readonly admissionLimitMin: number
  readonly admissionLimitMax: number
  readonly admissionMaxWaitMs: number
  readonly admissionMaxDepth: number
  readonly admissionReservePercent: number
  readonly queueWaitHeader: boolean
  readonly trustedProxies: readonly string[]
  readonly tlsCertFile?: string
  readonly tlsKeyFile?: string
  readonly tlsMinVersion: 'TLSv1.2' | 'TLSv1.3'
  readonly tlsHosts: Readonly<Record<string, TlsHost>>
  readonly tlsClientCaFile?: string
  readonly tlsClientCertificate: 'off' | 'request' | 'require'
  readonly controlTlsCertFile?: string
  readonly controlTlsKeyFile?: string
  readonly controlCaFile?: string
  readonly egressAllow: readonly string[]
  readonly extraCaFiles: readonly string[]
  readonly flowEnv: readonly string[]
  /** Values of the variables that `flowEnv` names, as they were at the start. */
  readonly flowEnvironment: Readonly<Record<string, string>>
  readonly scriptTimeoutMs: number
  readonly scriptHeapMb: number
  readonly scriptIsolates: number
  readonly scriptInputLimitBytes: number
  readonly traceSample: string
  readonly tracePayloads: 'watched' | 'local' | 'none'
  readonly otlpUrl?: string
  readonly otlpHeaders: readonly string[]
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  readonly logFormat: 'auto' | 'text' | 'json'
}

/** TLS of one host name; what it leaves out is as for all. */
export interface TlsHost {
  readonly certFile?: string
  readonly keyFile?: string
  readonly clientCaFile?: string
  readonly clientCertificate?: 'off' | 'request' | 'require'
}
