import type { EditorNode } from '../../runtime/core/flow.ts'

/** A refused deploy, as the admin API says it. */
export class DeployRefused extends Error {
  readonly status: number
  readonly body: unknown
  constructor(status: number, body: unknown) {
    super(`the deploy was refused with ${status}: ${JSON.stringify(body)}`)
    this.status = status
    this.body = body
  }
}

/** Node-RED's admin API under `/editor/`, used as Node-RED's own tools use it. */
export class AdminClient {
  readonly #url: string
  readonly #token: string

  private constructor(url: string, token: string) {
    this.#url = url
    this.#token = token
  }

  static async signIn(controlUrl: string, username: string, password: string): Promise<AdminClient> {
    const url = `${controlUrl.replace(/\/$/, '')}/editor`
    const reply = await fetch(`${url}/auth/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ client_id: 'node-red-admin', grant_type: 'password', scope: '*', username, password }),
    })
    if (!reply.ok) throw new Error(`sign-in answered ${reply.status}: ${await reply.text()}`)
    const { access_token: token } = (await reply.json()) as { access_token: string }
    return new AdminClient(url, token)
  }

  /** @throws DeployRefused with the status and the reasons */
  async deploy(flows: readonly EditorNode[], rev?: string): Promise<{ rev: string }> {
    const reply = await this.request('POST', '/flows', { flows, ...(rev === undefined ? {} : { rev }) })
    const text = await reply.text()
    if (!reply.ok) throw new DeployRefused(reply.status, toJson(text))
    return JSON.parse(text) as { rev: string }
  }

  async flows(): Promise<{ flows: EditorNode[]; rev: string }> {
    return (await (await this.request('GET', '/flows')).json()) as { flows: EditorNode[]; rev: string }
  }

  /** Any admin path below `/editor`. */
  request(method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(`${this.#url}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#token}`, 'node-red-api-version': 'v2', 'node-red-deployment-type': 'full', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  }
}

function toJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
