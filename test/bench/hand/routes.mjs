import { listen } from './listen.mjs'

const count = Number(process.argv[2])

await listen((app) => {
  for (let index = 0; index < count; index++) app.get(`/api${index % 200}/route${index}`, (request) => request.query)
})
