import { listen } from './listen.mjs'

await listen((app) => {
  app.get('/hello', (request) => request.query)
})
