import type { EditorNode, Problem } from '../core/flow.ts'
import { CommandFailed } from './outcome.ts'

/** A running control and the right to change it. */
export interface Target {
  readonly url: string
  readonly token: string
}

/** How long an answer is waited for. */
const patienceMs = 60_000

/** What control's admin API answered. */
export interface Answer {
  readonly status: number
  readonly body: any
}

/**
 * A call of the admin API. A text as body goes as it is; `read` says whether a good answer is JSON or text.
 * @throws CommandFailed when control cannot be reached or the token is not taken
 */
export async function callControl(target: Target, method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}, read: 'json' | 'text' = 'json'): Promise<Answer> {
  const answer = await send(`${target.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${target.token}`, accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  }, read)
  return taken(answer)
}

/**
 * A call whose good answer is given piece by piece as it comes, however long it is. Not more than {@link patienceMs} are waited for each piece.
 * @throws CommandFailed as {@link callControl} does; the pieces throw one when the answer breaks off
 */
export async function streamControl(target: Target, path: string, headers: Readonly<Record<string, string>>): Promise<Answer & { readonly pieces?: AsyncIterable<Uint8Array> }> {
  const stop = new AbortController()
  const wait = async <T>(work: Promise<T>): Promise<T> => {
    const timer = setTimeout(() => stop.abort(new Error('it was silent for too long')), patienceMs)
    return await work.finally(() => clearTimeout(timer))
  }
  const reply = await wait(ask(`${target.url}${path}`, { headers: { authorization: `Bearer ${target.token}`, ...headers }, signal: stop.signal }))
  if (!reply.ok || !reply.body) return taken(await wait(readAnswer(reply)))
  const reader = reply.body.getReader()
  async function* pieces(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const { done, value } = await wait(reader.read()).catch((thrown: unknown) => {
          throw new CommandFailed(`The answer of control broke off (${(thrown as { cause?: NodeJS.ErrnoException }).cause?.code ?? (thrown as Error).message}).`)
        })
        if (done) return
        yield value
      }
    } finally {
      stop.abort()
    }
  }
  return { status: reply.status, body: undefined, pieces: pieces() }
}

/** @throws CommandFailed when the token is not taken, or its user may not */
function taken(answer: Answer): Answer {
  if (answer.status === 401) throw new CommandFailed('The token is not valid or has expired; run `sluice token` for a new one.', { status: 401 })
  if (answer.status === 403) throw new CommandFailed(['The user of this token may not do that.', answer.body?.detail].filter(Boolean).join(' '), { status: 403, ...(answer.body?.code ? { code: answer.body.code } : {}) })
  return answer
}

/** Signs in as Node-RED's tools do and gives the token. @throws CommandFailed */
export async function signIn(url: string, user: string, password: string): Promise<{ token: string; expiresInSeconds: number }> {
  const answer = await send(`${url}/editor/auth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_id: 'node-red-admin', grant_type: 'password', scope: '*', username: user, password }),
  })
  if (answer.status !== 200) throw new CommandFailed(`${url} did not take this user and password.`, { status: answer.status })
  return { token: answer.body.access_token, expiresInSeconds: answer.body.expires_in }
}

/** Flows with the revision that a later deploy names. */
export async function loadFlows(target: Target): Promise<{ flows: EditorNode[]; rev: string }> {
  const answer = await callControl(target, 'GET', '/editor/flows', undefined, { 'node-red-api-version': 'v2' })
  if (answer.status !== 200) throw refused('The flows could not be read', answer)
  return answer.body
}

/** An answer that is a refusal, as the end of a command. */
export function refused(what: string, answer: Answer, problems: readonly Problem[] = answer.body?.problems ?? []): CommandFailed {
  const reason = answer.body?.message ?? answer.body?.detail ?? answer.body?.title ?? `status ${answer.status}`
  return new CommandFailed(`${what}: ${reason}`, { status: answer.status, ...(answer.body?.code ? { code: answer.body.code } : {}), problems })
}

async function send(url: string, init: RequestInit, read: 'json' | 'text' = 'json'): Promise<Answer> {
  return await readAnswer(await ask(url, { ...init, signal: AbortSignal.timeout(patienceMs) }), read)
}

/** @throws CommandFailed when control cannot be reached */
async function ask(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...init, redirect: 'manual' })
  } catch (thrown) {
    const cause = (thrown as { cause?: NodeJS.ErrnoException }).cause
    throw new CommandFailed(`Control could not be reached at ${new URL(url).origin} (${cause?.code ?? (thrown as Error).message}). Is it running? --url says where.`)
  }
}

async function readAnswer(reply: Response, read: 'json' | 'text' = 'json'): Promise<Answer> {
  const text = await reply.text()
  if (read === 'text' && reply.ok) return { status: reply.status, body: text }
  let body: unknown = text
  try {
    body = JSON.parse(text)
  } catch {
    body = text === '' ? undefined : { message: text.slice(0, 300) }
  }
  return { status: reply.status, body }
}
