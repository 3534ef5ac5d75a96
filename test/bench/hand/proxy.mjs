import { Pool } from 'undici'
import { listen } from './listen.mjs'

const upstream = new Pool(`http://127.0.0.1:${process.argv[2]}`, { connections: 128 })

await listen((app) => {
  app.get('/proxy', async (request, reply) => {
    const { statusCode, headers, body } = await upstream.request({ method: 'GET', path: '/' })
    reply.code(statusCode).header('content-type', headers['content-type'])
    return Buffer.from(await body.arrayBuffer())
  })
})
