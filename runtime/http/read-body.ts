import type { IncomingMessage, ServerResponse } from 'node:http'
import { fault, type Fault } from '../core/fault.ts'
import { GatheredBytes } from '../core/http/gathered-bytes.ts'

/** True if a request announces a body (RFC 9112 §6.3; HTTP/2 has no announcement but a length). */
export function hasBody(raw: IncomingMessage): boolean {
  const length = raw.headers['content-length']
  if (length !== undefined) return length !== '0'
  if (raw.headers['transfer-encoding'] !== undefined) return true
  return raw.httpVersionMajor === 2 && !raw.readableEnded && raw.method !== 'GET' && raw.method !== 'HEAD'
}

/** Takes the bytes, or the fault that came instead. Called once, or never when the client went away. */
export type TakeBody = (failed: Fault | undefined, bytes: Buffer | undefined) => void

/**
 * Collects a body of at most `limitBytes`. What is larger is refused at its announcement if it has one, else
 * at the first byte too many, and no more of it is kept. `mustContinue`: the client waits for a 100 first.
 * `withinMs` is for HTTP/2, where Node knows no limit for a request's arrival; it keeps to one itself on HTTP/1.1.
 */
export function readBody(raw: IncomingMessage, res: ServerResponse, limitBytes: number, mustContinue: boolean, withinMs: number, take: TakeBody): void {
  const announced = Number(raw.headers['content-length'] ?? 0)
  if (announced > limitBytes) {
    take(tooLarge(limitBytes), undefined)
    return
  }
  const timer = raw.httpVersionMajor < 2 ? undefined : setTimeout(() => finish(fault('request.timeout'), undefined), withinMs)
  const gathered = new GatheredBytes(announced)

  function onData(chunk: Buffer): void {
    if (gathered.size + chunk.length > limitBytes) return finish(tooLarge(limitBytes), undefined)
    gathered.add(chunk)
  }
  function onEnd(): void {
    finish(undefined, gathered.take())
  }
  function onError(): void {
    finish(fault('body.incomplete'), undefined)
  }
  function finish(failed: Fault | undefined, bytes: Buffer | undefined): void {
    clearTimeout(timer)
    raw.off('data', onData)
    raw.off('end', onEnd)
    raw.off('error', onError)
    if (failed) raw.on('error', ignore)
    take(failed, bytes)
  }

  raw.on('data', onData)
  raw.on('end', onEnd)
  raw.on('error', onError)
  if (timer) raw.once('close', () => clearTimeout(timer))
  if (mustContinue) res.writeContinue()
}

function ignore(): void {}

function tooLarge(limitBytes: number): Fault {
  return fault('body.too_large', { limitBytes })
}
