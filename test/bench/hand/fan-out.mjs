import { Pool } from 'undici'
import { listen } from './listen.mjs'

const upstream = new Pool(`http://127.0.0.1:${process.argv[2]}`, { connections: 128 })

async function fetchJson(path) {
  const { body } = await upstream.request({ method: 'GET', path })
  return await body.json()
}

await listen((app) => {
  app.get('/fan-out', async () => {
    const [a, b, c] = await Promise.all([fetchJson('/a'), fetchJson('/b'), fetchJson('/c')])
    return { a, b, c }
  })
})
