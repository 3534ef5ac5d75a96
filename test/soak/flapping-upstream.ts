import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

type Mood = 'well' | 'slow' | 'failing' | 'broken'

const moods: readonly Mood[] = ['well', 'slow', 'well', 'failing', 'well', 'broken']

/** A service whose health changes again and again. It says back who asked. */
export interface FlappingUpstream {
  readonly url: string
  /** Connections to it that are open. */
  readonly connections: number
  close(): void
}

export async function startFlappingUpstream(everyMs: number): Promise<FlappingUpstream> {
  const sockets = new Set<Socket>()
  let turn = 0
  const server: Server = createServer((request, response) => answer(moods[turn % moods.length] as Mood, new URL(request.url as string, 'http://upstream'), response)).listen(0, '127.0.0.1')
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise((resolve) => server.once('listening', resolve))
  const timer = setInterval(() => (turn += 1), everyMs)
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return sockets.size
    },
    close() {
      clearInterval(timer)
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

function answer(mood: Mood, { pathname, searchParams }: URL, response: ServerResponse): void {
  const body = JSON.stringify({ of: pathname.slice(1), who: searchParams.get('who'), filler: 'x'.repeat(pathname === '/long' ? 200_000 : 500) })
  const reply = () => response.writeHead(mood === 'failing' ? 503 : 200, { 'content-type': 'application/json' }).end(body)
  if (mood === 'slow') setTimeout(reply, 300 + Math.random() * 300)
  else if (mood === 'broken' && Math.random() < 0.5) response.destroy()
  else reply()
}
