import { http } from '../../runtime/core/http/node-http.ts'
import type { Facts } from '../../runtime/core/saying.ts'
import type { Expected, VaultDesk } from '../../vault/contract.ts'
import { Refused } from '../contract.ts'

export interface VaultTrust {
  /** Absent: its certificate alone. */
  readonly token?: string | undefined
  /** PEM: who signed the vault's certificate, and what control shows of its own. */
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

export interface VaultClientOptions {
  /** Origins of vaults on one database; the first that answers is asked. */
  readonly urls: readonly string[]
  /** What control shows and trusts; asked anew for each request, so that renewed files count from the next one on. */
  readonly trust: () => VaultTrust
  /** Gets a vault started where one is started on demand; resolves when it may be asked. */
  readonly wake?: (() => Promise<void>) | undefined
  /** Until an answer; 10 s when absent. */
  readonly timeoutMs?: number | undefined
}

/** What was sent reached nobody: nothing happened, and another vault may be asked. */
const neverArrived: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN'])
const answerLimitBytes = 32 * 1024 * 1024

/** A refusal of which nobody knows whether what was asked for has happened. */
class Unknown extends Refused {
  readonly unknown = true
}

/**
 * The vault's desk over HTTP. Nothing that is sent is in an error: no value, no token.
 * Methods throw Refused with the code of the vault, or `vault.unavailable` 503.
 */
export function createVaultClient({ urls, trust, wake, timeoutMs = 10_000 }: VaultClientOptions): VaultDesk {
  async function call<T>(method: string, path: string, { by, body, expected }: { readonly by?: string; readonly body?: unknown; readonly expected?: Expected } = {}): Promise<T> {
    if (wake) await within(wake(), timeoutMs) // one that cannot be started is said by asking it
    let last: unknown
    for (const url of urls) {
      try {
        return (await send(url, method, path, by, body, expected)) as T
      } catch (thrown) {
        if (thrown instanceof Refused) throw thrown
        const { code = '' } = thrown as NodeJS.ErrnoException
        // Reading twice does no harm; changing twice may.
        if (method !== 'GET' && !neverArrived.has(code)) throw new Unknown('vault.unavailable', 503, 'The vault went away before it answered. It may have done what was asked for: look before you repeat it.')
        last = thrown
      }
    }
    throw new Refused('vault.unavailable', 503, `The vault does not answer${urls.length > 1 ? ' at any of its addresses' : ''} (${(last as NodeJS.ErrnoException | undefined)?.code ?? 'no address'}). Nothing was changed. Is \`sluice vault\` running where SLUICE_VAULT_URL points?`)
  }

  function send(url: string, method: string, path: string, by: string | undefined, body: unknown, expected: Expected): Promise<unknown> {
    const target = new URL(path, url)
    const text = body === undefined ? undefined : JSON.stringify(body)
    const { token, ca, cert, key } = trust()
    const headers = {
      accept: 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      // Header values are Latin-1 at most; names of users are not.
      ...(by === undefined ? {} : { 'x-sluice-user': encodeURIComponent(by) }),
      ...(expected === undefined ? {} : expected === 'none' ? { 'if-none-match': '*' } : { 'if-match': `"${expected}"` }),
      ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
    }
    const secure = target.protocol === 'https:'
    const options = { method, headers, agent: false, signal: AbortSignal.timeout(timeoutMs), ...(secure ? { ca, cert, key } : {}) } as const
    return new Promise((resolve, reject) => {
      const asked = (secure ? process.getBuiltinModule('node:https') : http).request(target, options, (answer) => {
        const chunks: Buffer[] = []
        let bytes = 0
        answer.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes > answerLimitBytes) answer.destroy(Object.assign(new Error('too much'), { code: 'too large an answer' }))
          else chunks.push(chunk)
        })
        answer.once('error', reject)
        answer.once('end', () => {
          try {
            resolve(read(answer.statusCode ?? 0, Buffer.concat(chunks).toString('utf8')))
          } catch (thrown) {
            reject(thrown as Error)
          }
        })
      })
      asked.once('error', reject)
      asked.end(text)
    })
  }

  const at = (...parts: readonly string[]) => {
    // A URL without them would be another one.
    if (parts.some((part) => part === '.' || part === '..')) throw new Refused('record.none', 404, 'The vault has nothing of this name.')
    return `/v1/${parts.map(encodeURIComponent).join('/')}`
  }
  const list = async <T>(path: string) => (await call<{ readonly items: readonly T[] }>('GET', path)).items
  const gone = async (path: string, by: string, expected?: Expected) => void (await call('DELETE', path, { by, expected }))
  return {
    domains: {
      list: () => list(at('domains')),
      put: (name, part, by, expected) => call('PUT', at('domains', name), { by, body: part, expected }),
      rotate: (name, by) => call('POST', at('domains', name, 'rotate'), { by }),
      shred: (name, by, expected) => call('POST', at('domains', name, 'shred'), { by, expected }),
      shredSubject: (name, subject, by) => call('POST', at('domains', name, 'subjects', 'shred'), { by, body: { subject } }),
    },
    grants: {
      list: () => list(at('grants')),
      add: (grant, by) => call('POST', at('grants'), { by, body: grant }),
      remove: (id, by) => gone(at('grants', id), by),
    },
    keys: {
      list: () => list(at('keys')),
      create: (name, part, by) => call('PUT', at('keys', name), { by, body: part }),
      rotate: (name, by, expected) => call('POST', at('keys', name, 'rotate'), { by, expected }),
      schedule: (name, part, by, expected) => call('PUT', at('keys', name, 'schedule'), { by, body: part, expected }),
      setState: (name, state, by, version, expected) => call('POST', at('keys', name, state === 'active' ? 'enable' : 'disable'), { by, body: version === undefined ? {} : { version }, expected }),
      uses: (name, limit = 200) => list(`${at('keys', name, 'uses')}?limit=${limit}`),
      publicSet: (set) => call('GET', at('key-sets', set)),
    },
    certificates: {
      list: () => list(at('certificates')),
      put: (name, pem, by, expected) => call('PUT', at('certificates', name), { by, body: { pem }, expected }),
      remove: (name, by, expected) => gone(at('certificates', name), by, expected),
    },
    secrets: {
      list: () => list(at('secrets-list')),
      put: (name, value, description, by, expected) => call('PUT', at('secrets', name), { by, body: { value, ...(description === undefined ? {} : { description }) }, expected }),
      remove: (name, by, expected) => gone(at('secrets', name), by, expected),
    },
    reveals: {
      list: (query) => list(`${at('reveals')}?${new URLSearchParams(Object.entries(query).filter(([, value]) => value !== undefined).map(([name, value]): [string, string] => [name, String(value)]))}`),
      verify: () => call('GET', at('reveals', 'verify')),
    },
    status: () => call('GET', at('status')),
    rotateMasterKey: (by) => call('POST', at('master-key', 'rotate'), { by }),
  }
}

function within(work: Promise<void>, ms: number): Promise<void> {
  return new Promise((settle) => {
    const timer = setTimeout(settle, ms)
    work.catch(() => {}).finally(() => {
      clearTimeout(timer)
      settle()
    })
  })
}

/** @throws Refused what the vault refused */
function read(status: number, text: string): unknown {
  let body: unknown
  try {
    body = text === '' ? undefined : JSON.parse(text)
  } catch {
    throw new Refused('vault.unavailable', 503, 'What answers at SLUICE_VAULT_URL is no vault.')
  }
  if (status >= 200 && status < 300) return body
  const { code, detail, facts = {} } = (body ?? {}) as { readonly code?: unknown; readonly detail?: unknown; readonly facts?: Facts }
  if (status === 401 || status === 403) throw new Refused('vault.unavailable', 503, 'The vault does not take what control shows it. Check SLUICE_VAULT_CONTROL_TOKEN on both sides.')
  if (typeof code !== 'string' || status < 400) throw new Refused('vault.unavailable', 503, `The vault answered ${status}.`)
  const known = typeof detail === 'string' ? detail : code
  // To a flow an unknown name is a mistake of the gateway’s; to who asks for it here it is not there.
  if (code.endsWith('.unknown')) throw new Refused(code, 404, known, [], facts)
  throw new Refused(code, status >= 500 ? 503 : status, known, [], facts)
}
