import { listen } from './listen.mjs'

const count = Number(process.argv[2] ?? 1)

function greet(name) {
  let sum = 0
  for (let i = 0; i < name.length; i++) sum += name.charCodeAt(i)
  return { hello: name, sum }
}

await listen((app) => {
  for (let index = 0; index < count; index++) {
    app.get(count === 1 ? '/chain' : `/chain/${index}`, (request) => {
      const payload = greet(request.query.name)
      if (payload.sum > 100) payload.large = true
      return payload
    })
  }
})
