import type { Estate } from './estate.ts'

/** The admin API of consumers, as far as tests and benchmarks need it to make a caller. */
export class ConsumerClient {
  readonly #url: string
  readonly #token: string

  private constructor(url: string, token: string) {
    this.#url = url
    this.#token = token
  }

  static async signIn(estate: Pick<Estate, 'controlUrl' | 'password'>): Promise<ConsumerClient> {
    const reply = await fetch(`${estate.controlUrl}/api/v1/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: 'admin', password: estate.password }) })
    if (!reply.ok) throw new Error(`sign-in answered ${reply.status}: ${await reply.text()}`)
    return new ConsumerClient(estate.controlUrl, ((await reply.json()) as { token: string }).token)
  }

  /** @throws Error with the answer when it is not 2xx */
  async request<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
    const reply = await fetch(`${this.#url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#token}`, ...(method === 'DELETE' || (method === 'POST' && body === undefined) ? { 'if-match': '*' } : {}), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await reply.text()
    if (!reply.ok) throw new Error(`${method} ${path} answered ${reply.status}: ${text}`)
    return (text === '' ? undefined : JSON.parse(text)) as T
  }

  /** An application of an organisation of its own. */
  async application(id: string): Promise<void> {
    await this.request('POST', '/organisations', { id, name: id })
    await this.request('POST', '/applications', { id, name: id, organisation: id })
  }

  /** Makes an application and gives its API key. */
  async issueKey(application: string): Promise<string> {
    await this.application(application)
    return (await this.request<{ secret: string }>('POST', '/credentials', { application, kind: 'key' })).secret
  }

  /** Makes an application and gives a name and password for Basic. */
  async issueBasic(application: string): Promise<{ name: string; secret: string }> {
    await this.application(application)
    const { credential, secret } = await this.request<{ credential: { name: string }; secret: string }>('POST', '/credentials', { application, kind: 'basic' })
    return { name: credential.name, secret }
  }
}
