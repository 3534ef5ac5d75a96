import { listen } from './listen.mjs'

await listen((app) => {
  app.post('/json', (request) => {
    const document = request.body
    document.touched = document.items.length
    return document
  })
})
