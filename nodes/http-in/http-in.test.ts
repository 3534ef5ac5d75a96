import { describe, expect, it } from 'vitest'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { httpIn } from './http-in.ts'

const entryOf = async (config: object) => httpIn.entry?.((await testNode(httpIn, config)).config)

describe('http in', () => {
  it('takes what the stock form writes', async () => {
    expect(await entryOf({ name: '', url: '/a/:id', method: 'get', upload: false, skipBodyParsing: false, swaggerDoc: '' })).toEqual({ on: 'http', method: 'GET', path: '/a/:id' })
    expect(await entryOf({ url: 'a', method: 'post', upload: true })).toEqual({ on: 'http', method: 'POST', path: '/a', upload: true })
    expect(await entryOf({ url: '/a', method: 'patch', skipBodyParsing: true })).toEqual({ on: 'http', method: 'PATCH', path: '/a', rawBody: true })
  })

  it('takes host, CORS, limits and content types', async () => {
    const cors = { origins: ['https://a.example'], credentials: true }
    expect(await entryOf({ url: '/a', method: 'get', host: 'API.example.org', cors, bodyLimitBytes: '1000', accepts: ['application/json'], timeoutMs: 500 })).toEqual({
      on: 'http', method: 'GET', path: '/a', host: 'api.example.org', cors, bodyLimitBytes: 1000, accepts: ['application/json'], deadlineMs: 500,
    })
  })

  it('takes what the fields below the stock form write: lists, and nothing for what was left empty', async () => {
    expect(await entryOf({ url: '/a', method: 'all', accepts: [], cors: { origins: ['*'] } })).toEqual({ on: 'http', method: 'ALL', path: '/a', cors: { origins: '*' } })
  })

  it.each([
    [{ url: '' }, 'route.no_path'],
    [{ url: 'https://x.example/a' }, 'route.path'],
    [{ url: '/a b' }, 'route.path'],
    [{ url: '/a?b=c' }, 'route.path'],
    [{ url: '/a', host: 'a/b' }, 'route.host'],
    [{ url: '/a', method: 'brew' }, 'config.invalid'],
    [{ url: '/a', accepts: ['json'] }, 'config.invalid'],
    [{ url: '/a', cors: { origins: '*', credentials: true } }, 'cors.wildcard'],
    [{ url: '/a', cors: { origins: ['app.example.org'] } }, 'cors.origin'],
    [{ url: '/a', cors: { origins: ['https://app.example.org/'] } }, 'cors.origin'],
    [{ url: '/a', upload: true, skipBodyParsing: true }, 'route.upload_raw'],
  ])('says what is wrong with %j', (config, code) => {
    expect(checkNode(httpIn, config)).toMatchObject([{ code }])
  })

  it('passes the request on as it came', async () => {
    expect(await (await testNode(httpIn, { url: '/a' })).send({ payload: 1 })).toEqual([{ port: 'out', message: { payload: 1 } }])
  })
})
