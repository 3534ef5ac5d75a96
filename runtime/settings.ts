import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join, resolve } from 'node:path'
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import { nearestName } from './settings/nearest.ts'
import { configVariable, settingNames, settingSchemas, variableOf, type Plane } from './settings/schema.ts'
import type { Settings } from './settings/shape.ts'
import { textOfValue, valueOfText } from './settings/values.ts'

export { describeSettings } from './settings/describe.ts'
export type { Settings, TlsHost } from './settings/shape.ts'
export { settingNames, settingSchemas, variableOf } from './settings/schema.ts'

/** Settings that cannot be used; each sentence names one of them, its value and what is expected. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
  readonly sentences: readonly string[]
  constructor(sentences: readonly string[]) {
    super(sentences.join('\n'))
    this.sentences = sentences
  }
}

export type Environment = Readonly<Record<string, string | undefined>>

export interface LoadSettings {
  /** Default: the environment of this process, which nothing else reads. */
  readonly env?: Environment
  /** Where relative paths and the search for the settings file begin. */
  readonly cwd?: string
}

/**
 * The settings of this process.
 * @throws SettingsError with a sentence for every name that is unknown and every value that is wrong
 */
export function loadSettings({ env = process.env, cwd = process.cwd() }: LoadSettings = {}): Settings {
  const problems = unknownVariables(env)
  const given: Record<string, unknown> = {}
  const origin: Record<string, string> = {}
  const fromEnvironment: Record<string, unknown> = {}
  for (const name of settingNames) {
    const text = env[variableOf(name)]
    if (text === undefined || text === '') continue // compose files give unset variables as empty ones
    fromEnvironment[name] = valueOfText(text, settingSchemas[name])
  }
  const file = readSettingsFile(env, cwd, fromEnvironment['dataDir'])
  for (const [name, value] of Object.entries(file?.values ?? {})) {
    if (!Object.hasOwn(settingSchemas, name)) problems.push(unknownInFile(name, file?.path ?? ''))
    else [given[name], origin[name]] = [value, `“${name}” in ${file?.path}`]
  }
  for (const [name, value] of Object.entries(fromEnvironment)) [given[name], origin[name]] = [value, variableOf(name as keyof typeof settingSchemas)]

  const refused = new Set<string>()
  const validate = compileSchema(settingNames.filter((name) => Object.hasOwn(given, name)))
  if (!validate(given)) {
    for (const error of validate.errors ?? []) {
      const name = (error.instancePath.split('/')[1] ?? '') as keyof typeof settingSchemas
      if (refused.has(name) || !settingSchemas[name]) continue
      refused.add(name)
      problems.push(wrongValue(name, given[name], origin[name] ?? variableOf(name), error))
    }
  }
  const settings = withDefaults(given) as unknown as Settings
  problems.push(...contradictions(settings, refused))
  if (problems.length > 0) throw new SettingsError(problems)
  const named = (names: readonly string[]) => Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))) as Record<string, string>
  return deepFreeze({ ...settings, dataDir: resolve(cwd, settings.dataDir), flowEnvironment: named(settings.flowEnv), vaultPkcs11Environment: named(settings.vaultPkcs11Env) })
}

/**
 * The environment for a child process that is to have these settings, and nothing of this process's own:
 * what only another plane needs is left out, and what is as it would be anyway: each that is given costs the child a look at its schema.
 */
export function environmentFor(plane: 'control' | 'gateway' | 'vault', settings: Settings): Record<string, string> {
  const env: Record<string, string> = { [configVariable]: 'off' }
  for (const name of settingNames) {
    const value = settings[name]
    if (value === undefined || !goesTo(plane, settingSchemas[name].plane)) continue
    const { default: usual } = settingSchemas[name]
    const text = textOfValue(value)
    if (usual === undefined || text !== textOfValue(usual)) env[variableOf(name)] = text
  }
  return { ...env, ...(plane === 'gateway' ? settings.flowEnvironment : plane === 'vault' ? settings.vaultPkcs11Environment : {}) }
}

/** What every child keeps of the machine's environment: no more than time, language and where programs are. */
export function machineEnvironment(env: Environment = process.env): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const name of ['PATH', 'HOME', 'TZ', 'LANG', 'LC_ALL', 'TMPDIR', 'TEMP', 'SystemRoot', 'NO_COLOR', 'NODE_COMPILE_CACHE']) {
    const value = env[name]
    if (value !== undefined) kept[name] = value
  }
  return kept
}

/** Variables of the environment that are not settings but that the command line looks at. */
export function commandEnvironment(env: Environment = process.env): { readonly token?: string; readonly noColor: boolean } {
  const token = env['SLUICE_TOKEN']
  return { ...(token ? { token } : {}), noColor: Boolean(env['NO_COLOR']) }
}

function goesTo(plane: 'control' | 'gateway' | 'vault', owner: Plane): boolean {
  return owner === 'both' || owner.split(' and ').includes(plane)
}

const otherVariables = [configVariable, 'SLUICE_TOKEN']

function unknownVariables(env: Environment): string[] {
  const known = [...settingNames.map(variableOf), ...otherVariables]
  return Object.keys(env).filter((name) => name.startsWith('SLUICE_') && !known.includes(name)).map((name) => {
    const nearest = nearestName(name, known)
    return `${name} is not a setting${nearest ? `; did you mean ${nearest}?` : '. docs/settings.md lists them all.'}`
  })
}

function unknownInFile(name: string, path: string): string {
  const nearest = nearestName(name, settingNames)
  return `“${name}” in ${path} is not a setting${nearest ? `; did you mean “${nearest}”?` : '. docs/settings.md lists them all.'}`
}

function wrongValue(name: keyof typeof settingSchemas, value: unknown, origin: string, error: ErrorObject): string {
  const schema = settingSchemas[name]
  const shown = schema.secret ? 'set to something that cannot be used' : `“${textOfValue(value)}”`
  const where = error.instancePath.split('/').slice(2).join('.')
  return `${origin} is ${shown}${where ? ` (at ${where}: ${error.message})` : ''}; expected ${schema.expects}.`
}

function readSettingsFile(env: Environment, cwd: string, dataDir: unknown): { path: string; values: Record<string, unknown> } | undefined {
  const named = env[configVariable]
  if (named === 'off') return undefined
  if (named) {
    const found = readJson(resolve(cwd, named))
    if (!found) throw new SettingsError([`${configVariable} is “${named}”; expected the path of a settings file, and there is none.`])
    return found
  }
  const folder = typeof dataDir === 'string' ? dataDir : String(settingSchemas.dataDir.default)
  return readJson(join(cwd, 'sluice.json')) ?? readJson(join(resolve(cwd, folder), 'sluice.json'))
}

function readJson(path: string): { path: string; values: Record<string, unknown> } | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new SettingsError([`The settings file ${path} could not be read (${code ?? 'unknown reason'}).`])
  }
  try {
    const values: unknown = JSON.parse(text)
    if (values && typeof values === 'object' && !Array.isArray(values)) return { path, values: values as Record<string, unknown> }
  } catch (thrown) {
    // the parser's own message quotes the text, which may hold a secret
    const at = / at position \d+(?: \(line \d+ column \d+\))?/.exec((thrown as Error).message)?.[0] ?? ''
    throw new SettingsError([`The settings file ${path} is not valid JSON${at}.`])
  }
  throw new SettingsError([`The settings file ${path} holds no object; expected {"gatewayPort": 8080, …}.`])
}

/** Of the settings that are given only, and unchecked itself: every process of a start waits for this. */
function compileSchema(names: readonly (keyof typeof settingSchemas)[]): ValidateFunction {
  const properties = Object.fromEntries(names.map((name) => [name, jsonSchemaOf(name)]))
  return new Ajv({ allErrors: true, strict: false, validateSchema: false }).compile({ type: 'object', properties })
}

/** The JSON Schema keywords of a setting, without what is ours. */
function jsonSchemaOf(name: keyof typeof settingSchemas): object {
  const { expects: _expects, section: _section, plane: _plane, env: _env, secret: _secret, default: _default, ...schema } = settingSchemas[name]
  return schema
}

function withDefaults(given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const all: Record<string, unknown> = {}
  for (const name of settingNames) {
    const value = given[name] ?? settingSchemas[name].default
    if (value !== undefined) all[name] = value
  }
  return all
}

/** Settings that are right alone and wrong together. */
function contradictions(settings: Settings, refused: ReadonlySet<string>): string[] {
  const problems: string[] = []
  const pair = (one: keyof typeof settingSchemas, other: keyof typeof settingSchemas) => {
    if (Boolean(settings[one]) === Boolean(settings[other])) return
    const [there, missing] = settings[one] ? [one, other] : [other, one]
    problems.push(`${variableOf(there)} is set and ${variableOf(missing)} is not; expected both, or neither.`)
  }
  pair('tlsCertFile', 'tlsKeyFile')
  pair('controlTlsCertFile', 'controlTlsKeyFile')
  pair('vaultTlsCertFile', 'vaultTlsKeyFile')
  pair('vaultClientCertFile', 'vaultClientKeyFile')
  pair('vaultPkcs11Module', 'vaultPkcs11Token')
  pair('vaultPkcs11Module', 'vaultPkcs11PinFile')
  if (settings.vaultTlsClientCaFile && !settings.vaultTlsCertFile) {
    problems.push(`${variableOf('vaultTlsClientCaFile')} is set and ${variableOf('vaultTlsCertFile')} is not; expected both: certificates of clients need TLS.`)
  }
  if (settings.vaultDatabaseUrl && settings.vaultDatabaseUrl === settings.databaseUrl) {
    problems.push(`${variableOf('vaultDatabaseUrl')} is the database of control; expected one of its own.`)
  }
  const ports = (['gatewayPort', 'opsPort', 'controlPort', 'vaultPort', 'vaultOpsPort'] as const).filter((name) => !refused.has(name) && (settings[name] ?? 0) > 0)
  for (const [index, name] of ports.entries()) {
    const same = ports.slice(0, index).find((other) => settings[other] === settings[name])
    if (same) problems.push(`${variableOf(name)} is “${settings[name]}”, and so is ${variableOf(same)}; expected two different ports.`)
  }
  if (settings.upstreamOidcIssuer && !(settings.upstreamOidcClientId && settings.upstreamOidcClientSecret)) {
    problems.push(`${variableOf('upstreamOidcIssuer')} is set; expected ${variableOf('upstreamOidcClientId')} and ${variableOf('upstreamOidcClientSecret')} to be set too.`)
  }
  if (settings.signIn === 'openid' && !settings.auth && !settings.authIssuer) {
    problems.push(`${variableOf('signIn')} is “openid”, and there is no authorization server; expected ${variableOf('auth')} or ${variableOf('authIssuer')} to be set too.`)
  }
  if (!refused.has('trustedProxies')) {
    const wrong = settings.trustedProxies.find((proxy) => !isProxy(proxy))
    if (wrong !== undefined) problems.push(`${variableOf('trustedProxies')} names “${wrong}”; expected ${settingSchemas.trustedProxies.expects}.`)
  }
  if (!refused.has('flowEnv')) {
    const secret = settings.flowEnv.find((name) => name.startsWith('SLUICE_') || name === 'DATABASE_URL' || name === 'VAULT_DATABASE_URL')
    if (secret) problems.push(`${variableOf('flowEnv')} names ${secret}, a setting of Sluice itself; expected variables that are meant for flows.`)
  }
  return problems
}

/** An address, a range such as `10.0.0.0/8`, or one of the two ranges that have a name. */
function isProxy(text: string): boolean {
  if (text === 'loopback' || text === 'private') return true
  const [address = '', bits, ...rest] = text.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}

function deepFreeze<T>(value: T): T {
  if (value === null || typeof value !== 'object' || Object.isFrozen(value)) return value
  for (const inner of Object.values(value)) deepFreeze(inner)
  return Object.freeze(value)
}
