import type { EditorNode, Problem } from '../core/flow.ts'
import { CommandFailed } from './outcome.ts'

/** A running control and the right to change it. */
export interface Target {
  readonly url: string
  readonly token: string
}

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
  let reply: Response
  try {
    reply = await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(60_000) })
  } catch (thrown) {
    const cause = (thrown as { cause?: NodeJS.ErrnoException }).cause
    throw new CommandFailed(`Control could not be reached at ${new URL(url).origin} (${cause?.code ?? (thrown as Error).message}). Is it running? --url says where.`)
  }
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
