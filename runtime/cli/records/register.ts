import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ApiRegistration, ApiRegistrations, Lifecycle, RegisteredApi, RegistrationResult } from '../../../control/contract.ts'
import { parseText, TextProblem } from '../../../control/publish/parse-text.ts'
import { CommandFailed, type Output } from '../outcome.ts'
import type { RecordsClient } from './client.ts'
import { readText } from './read-text.ts'

export interface RegisterOptions {
  readonly id: string
  readonly organisation: string
  readonly name?: string
  readonly path?: string
  readonly method?: readonly string[]
  readonly upstream?: string
  readonly group?: string
  readonly createGroup?: boolean
  readonly apiVersion?: string
  readonly family?: string
  /** False with `--no-auth`. */
  readonly auth?: boolean
  /** False with `--no-validate`. */
  readonly validate?: boolean
  readonly mock?: boolean
  readonly visibility?: 'public' | 'organisation'
  readonly publish?: boolean
  readonly prototype?: boolean
  readonly replace?: boolean
  readonly dryRun?: boolean
}

/** `sluice apis register`: an address that begins with http is a service, everything else a file with an OpenAPI document. */
export async function runApisRegister(client: RecordsClient, source: string, options: RegisterOptions, output: Output): Promise<void> {
  const { id, organisation, name, path, method, upstream, group, createGroup, apiVersion, family, auth, validate, mock, visibility, publish, prototype, replace, dryRun = false } = options
  const isService = /^(?:https?:\/\/|\$\{)/i.test(source)
  const said = {
    name, path, upstream, group, createGroup, version: apiVersion, family, visibility, replace,
    methods: method?.map((one) => one.toUpperCase()), auth: auth === false ? false : undefined, validate: validate === false ? false : undefined, mock: mock === true ? true : undefined,
    lifecycle: publish ? 'PUBLISHED' : prototype ? 'PROTOTYPED' : undefined,
  }
  const input = {
    id, organisation, ...(isService ? { url: source } : { openapi: await readText(source) }),
    ...Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)),
  } as ApiRegistration
  print(await client.register(input, dryRun), output)
}

/** `sluice apis register-bulk`: says first what would be done; all or nothing. Documents are named relative to the file. */
export async function runApisRegisterBulk(client: RecordsClient, file: string, options: { readonly dryRun?: boolean }, output: Output): Promise<void> {
  const input = await readRegistrations(file)
  const tried = await client.register(input, true)
  if (options.dryRun) return print(tried, output)
  if (!output.json) output.note(toText(tried))
  print(await client.register(input, false), output)
}

/** `sluice apis start` and `stop`: PUBLISHED and BLOCKED by names that everybody knows. */
export async function runApisSwitch(client: RecordsClient, id: string, to: Extract<Lifecycle, 'PUBLISHED' | 'BLOCKED'>, output: Output): Promise<void> {
  const api = await client.get('apis', id)
  const moved = api.lifecycle === to ? api : await client.move(api, to)
  const said = to === 'BLOCKED' ? `${id} is stopped: calls are answered 503 until it is started.` : `${id} is started: its subscribers may call it.`
  output.result(moved.requested ? `Asked for ${moved.requested.to}: a second person has to agree.` : said, { ...moved })
}

async function readRegistrations(file: string): Promise<ApiRegistrations> {
  let value: unknown
  try {
    value = parseText(await readText(file))
  } catch (thrown) {
    if (!(thrown instanceof TextProblem)) throw thrown
    throw new CommandFailed(`${file} cannot be read. ${thrown.message} ${thrown.remedy}`, { file })
  }
  const list = (value as { apis?: unknown } | null)?.apis
  if (!Array.isArray(list)) throw new CommandFailed(`${file} is no list of APIs: it begins with “apis:”.`, { file })
  const folder = file === '-' ? process.cwd() : dirname(resolve(file))
  const apis = await Promise.all(list.map(async (entry: unknown) => {
    const { openapi, ...rest } = entry as { openapi?: unknown }
    // One line is the name of a file, several are the document.
    const document = typeof openapi === 'string' && !/[\n{]/.test(openapi) ? await readText(resolve(folder, openapi.startsWith('file:') ? fileURLToPath(openapi) : openapi)) : openapi
    return { ...rest, ...(document === undefined ? {} : { openapi: document }) } as ApiRegistration
  }))
  return { apis }
}

function print(result: RegistrationResult, output: Output): void {
  const errors = result.problems.some(({ severity }) => severity === 'error')
  const said = result.dryRun ? `${toText(result)}\n\nNothing was changed: this was a dry run.` : toText(result)
  if (errors) throw new CommandFailed(said, { ...result })
  output.result(said, { ...result })
}

const marks = { add: '+', change: '~', remove: '-', same: ' ' } as const

/** What is done, a line an API and a line a route. */
export function toText({ apis, problems, release }: RegistrationResult): string {
  const lines = [
    ...apis.flatMap(toLines),
    ...problems.map(({ severity, pointer, message, remedy }) => `${severity === 'error' ? '✗' : '!'} ${pointer ? `${pointer}: ` : ''}${message} ${remedy}`),
    ...(release === undefined ? [] : [`Live as release ${release}.`]),
  ]
  return lines.join('\n')
}

function toLines({ id, name, flow, change, routes, kept, lost, api, lifecycle, group }: RegisteredApi): string[] {
  const state = api === undefined ? lifecycle : api.requested ? `${api.lifecycle}, ${api.requested.to} asked for` : api.lifecycle
  return [
    `${marks[change]} apis/${id} “${name}” on flow ${flow}${group === undefined ? '' : `, in group ${group}`}${state === undefined ? '' : ` (${state})`}`,
    ...routes.map((route) => `  ${marks[route.change]} ${route.method.padEnd(7)} ${route.path}${route.upstream === '' ? '' : ` → ${route.upstream}`}`),
    ...kept.map(({ what, done }) => `  = ${what}: ${done} by hand, stays so`),
    ...lost.map(({ what, done }) => `  ! ${what}: ${done} by hand, overwritten`),
  ]
}
