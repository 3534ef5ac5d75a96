import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../core/time/clock.ts'
import type { Log } from '../core/log.ts'
import type { VaultAnswer, VaultAsk } from '../core/secrets/vault.ts'
import { createVaultClient, type VaultClientOptions } from './vault-client.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close()
})

type Play = (asks: readonly VaultAsk[], response: ServerResponse) => void

/** A vault that answers with each value backwards, unless it is told to play something else. */
async function openPlayed(port = 0) {
  const requests: VaultAsk[][] = []
  const looks: string[] = []
  let play: Play = (asks, response) => response.end(JSON.stringify({ answers: asks.map(reverse) }))
  const server: Server = createServer((request, response) => void read(request).then((text) => {
    if (request.headers.authorization !== 'Bearer token') return response.writeHead(401).end()
    if (request.url === '/v1/ready') return looks.push('ready'), response.writeHead(204).end()
    const { asks } = JSON.parse(text) as { asks: VaultAsk[] }
    requests.push(asks)
    return play(asks, response)
  }))
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const close = () => {
    server.close()
    server.closeAllConnections()
  }
  closers.push(close)
  const taken = (server.address() as AddressInfo).port
  return { url: `http://127.0.0.1:${taken}`, port: taken, requests, looks, close, play: (next: Play) => void (play = next) }
}

async function read(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of request) text += String(part)
  return text
}

function reverse(ask: VaultAsk): VaultAnswer {
  return { token: Array.from((ask as { value: string }).value).reverse().join('') }
}

function open(urls: readonly string[], more: Partial<VaultClientOptions> = {}) {
  const lines: string[] = []
  const write = (facts: object, text: string) => void lines.push(`${text} ${JSON.stringify(facts)}`)
  const log: Log = { debug: write, info: write, warn: write, error: write }
  const client = createVaultClient({ urls, token: 'token', timeoutMs: 2000, clock: systemClock, log, ...more })
  closers.push(client.close)
  return Object.assign(client, { lines })
}

const ask = (...values: string[]): VaultAsk[] => values.map((value) => ({ do: 'tokenize', domain: 'd', mode: 'random', value }))
const unavailable = { code: 'vault.unavailable', status: 503 }

describe('a gateway’s way to the vault', () => {
  it('sends what is asked in one turn in one request, and gives each its own answers', async () => {
    const vault = await openPlayed()
    const client = open([vault.url])
    const answers = await Promise.all([client.ask(ask('ab', 'cd')), client.ask(ask('王小明')), client.ask([]), client.ask(ask('xyz'))])
    expect(answers).toEqual([[{ token: 'ba' }, { token: 'dc' }], [{ token: '明小王' }], [], [{ token: 'zyx' }]])
    expect(vault.requests.map((asks) => asks.length)).toEqual([4])
    expect(client.counts).toMatchObject({ asks: 4, requests: 1, failed: 0 })
  })

  it('holds few requests open; what comes meanwhile travels together', async () => {
    const vault = await openPlayed()
    const waiting: (() => void)[] = []
    vault.play((asks, response) => void waiting.push(() => response.end(JSON.stringify({ answers: asks.map(reverse) }))))
    const client = open([vault.url])
    const all: Promise<unknown>[] = []
    for (let n = 0; n < 40; n += 1) {
      all.push(client.ask(ask(`a${n}`)))
      await new Promise((next) => setImmediate(() => setImmediate(next)))
    }
    await expect.poll(() => waiting.length).toBe(8)
    while (all.length > 0 && waiting.length > 0) {
      waiting.shift()?.()
      await new Promise((next) => setTimeout(next, 5))
    }
    await Promise.all(all)
    expect(vault.requests.length).toBeLessThan(20)
    expect(vault.requests.flat()).toHaveLength(40)
  })

  it('says at once that nobody answers, keeps saying it without a try, and finds out by itself when somebody does', async () => {
    const vault = await openPlayed()
    vault.close()
    const client = open([vault.url])
    await expect(client.ask(ask('x'))).rejects.toMatchObject(unavailable)
    expect(client.available).toBe(false)
    const tried = client.counts.requests
    await expect(client.ask(ask('x'))).rejects.toMatchObject(unavailable)
    expect(client.counts.requests).toBe(tried)
    await openPlayed(vault.port)
    await expect.poll(() => client.available, { timeout: 5000, interval: 10 }).toBe(true)
    expect(await client.ask(ask('ab'))).toEqual([{ token: 'ba' }])
  })

  it('pays for a vault that hangs with one time-out, whatever is asked of it', async () => {
    const vault = await openPlayed()
    vault.play(() => {})
    const client = open([vault.url], { timeoutMs: 100 })
    await expect(client.ask(ask('x'))).rejects.toMatchObject(unavailable)
    const many = await Promise.allSettled(Array.from({ length: 50 }, () => client.ask(ask('x'))))
    expect(many.every(({ status }) => status === 'rejected')).toBe(true)
    expect(vault.requests).toHaveLength(1)
  })

  it('asks the next vault when one is away, hangs or breaks off in the middle', async () => {
    const [one, other] = [await openPlayed(), await openPlayed()]
    const plays: Play[] = [(_, response) => response.writeHead(503).end('{}'), (_, response) => response.socket?.destroy(), () => {}]
    for (const play of plays) {
      one.play(play)
      const client = open([one.url, other.url], { timeoutMs: 150 })
      expect(await client.ask(ask('ab'))).toEqual([{ token: 'ba' }])
      const asked = one.requests.length
      expect(await client.ask(ask('cd'))).toEqual([{ token: 'dc' }])
      expect(one.requests).toHaveLength(asked)
    }
  })

  it('is not thrown by a connection that ended while nobody used it', async () => {
    const vault = await openPlayed()
    const client = open([vault.url])
    await client.ask(ask('x'))
    vault.play((asks, response) => {
      vault.play((later, after) => after.end(JSON.stringify({ answers: later.map(reverse) })))
      response.socket?.resetAndDestroy()
      void asks
    })
    expect(await client.ask(ask('ab'))).toEqual([{ token: 'ba' }])
    expect(client.available).toBe(true)
  })

  it('gives up for a message whose time is over or whose caller is gone, and for no other of the same request', async () => {
    const vault = await openPlayed()
    const waiting: (() => void)[] = []
    vault.play((asks, response) => void waiting.push(() => response.end(JSON.stringify({ answers: asks.map(reverse) }))))
    const client = open([vault.url])
    const abort = new AbortController()
    const late = client.ask(ask('late'), { deadline: Date.now() + 30 })
    const gone = client.ask(ask('gone'), { signal: abort.signal })
    const stays = client.ask(ask('ab'))
    await expect(late).rejects.toMatchObject(unavailable)
    abort.abort(new Error('the caller is gone'))
    await expect(gone).rejects.toThrow('the caller is gone')
    waiting.shift()?.()
    expect(await stays).toEqual([{ token: 'ba' }])
    await expect(client.ask(ask('x'), { deadline: Date.now() - 1 })).rejects.toMatchObject(unavailable)
    await expect(client.ask(ask('x'), { signal: abort.signal })).rejects.toThrow('the caller is gone')
  })

  it('waits for a vault that is being started', async () => {
    const vault = await openPlayed()
    let begin = () => {}
    const client = open([vault.url], { started: new Promise((resolve) => (begin = resolve)) })
    const asked = client.ask(ask('ab'))
    await new Promise((next) => setTimeout(next, 20))
    expect(vault.requests).toEqual([])
    begin()
    expect(await asked).toEqual([{ token: 'ba' }])
  })

  it('takes no answer for one that does not fit what was asked, and writes no value to the log', async () => {
    const vault = await openPlayed()
    const client = open([vault.url])
    for (const text of ['{"answers":[]}', 'A123456789', '{}']) {
      vault.play((_, response) => response.end(text))
      const thrown = (await client.ask(ask('A123456789')).catch((error: unknown) => error)) as Error
      expect(thrown).toMatchObject(unavailable)
      expect(String(thrown.cause) + client.lines.join('\n')).not.toContain('A123456789')
    }
  })

  it('says in the log when the vault does not take its token', async () => {
    const vault = await openPlayed()
    const client = open([vault.url], { token: 'another' })
    await expect(client.ask(ask('x'))).rejects.toMatchObject(unavailable)
    await expect.poll(() => client.lines.join('\n'), { timeout: 2000 }).toContain('its token or certificate is not one of a gateway')
    expect(client.lines.join('\n')).not.toContain('another')
  })
})
