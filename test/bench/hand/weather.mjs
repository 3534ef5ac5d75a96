import { Pool } from 'undici'
import { compose } from './documents.mjs'
import { listen } from './listen.mjs'

/** The composition by hand. `plain`: both documents are fetched and parsed for each request. */
const upstream = new Pool(`http://127.0.0.1:${process.argv[2]}`, { connections: 128 })

async function fetchPlain(path) {
  const { body } = await upstream.request({ method: 'GET', path })
  return body.json()
}

/** `tricks`: asks whether the last answer still holds, and parses again only what has other bytes. */
const last = new Map()
async function fetchAgain(path) {
  const known = last.get(path)
  const { statusCode, headers, body } = await upstream.request({ method: 'GET', path, headers: known ? { 'if-none-match': known.etag } : {} })
  if (statusCode === 304) {
    await body.dump()
    return known.document
  }
  const bytes = Buffer.from(await body.arrayBuffer())
  const document = known && known.bytes.equals(bytes) ? known.document : JSON.parse(bytes.toString('utf8'))
  last.set(path, { etag: headers.etag, bytes, document })
  return document
}

const fetchOne = process.argv[3] === 'tricks' ? fetchAgain : fetchPlain

await listen((app) => {
  app.get('/weather', (request) => Promise.all([fetchOne('/forecast'), fetchOne('/observation')]).then(([forecast, observation]) => compose(request.query.county, forecast, observation)))
})
