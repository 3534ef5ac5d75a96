import { Pool } from 'undici'
import { listen } from './listen.mjs'

/** Three calls at once; all three are parsed, two are looked into, one goes into the answer as it is. */
const upstream = new Pool(`http://127.0.0.1:${process.argv[2]}`, { connections: 128 })

async function fetchJson(path) {
  const { body } = await upstream.request({ method: 'GET', path })
  return body.json()
}

await listen((app) => {
  app.get('/untouched', async () => {
    const [forecast, version, observation] = await Promise.all([fetchJson('/forecast'), fetchJson('/version'), fetchJson('/observation')])
    return { asOf: forecast.records.datasetDescription, version, observation }
  })
})
