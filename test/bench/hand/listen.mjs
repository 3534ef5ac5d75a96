import Fastify from 'fastify'

/** A hand-written app as a good Node.js programmer would write it for speed: Fastify, no logging, no hooks. */
export async function listen(define) {
  const app = Fastify({ logger: false })
  define(app)
  await app.listen({ host: '127.0.0.1', port: 0 })
  console.log(JSON.stringify({ port: app.server.address().port }))
  process.on('SIGTERM', () => process.exit(0))
}
