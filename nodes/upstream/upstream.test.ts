import { describe, expect, it } from 'vitest'
import { checkNode } from '../../test/kit/node-tester.ts'
import { upstream } from './upstream.ts'

const target = [{ url: 'https://api.example.org' }]
const codesOf = (config: object, types: Record<string, string> = {}) => checkNode(upstream, { name: 'weather', targets: target, ...config }, { types }).map(({ code, property, severity }) => [code, property, severity ?? 'error'].join(' '))

describe('upstream', () => {
  it('is fine with targets alone, with parts from the environment, and with everything on', () => {
    expect(codesOf({})).toEqual([])
    expect(codesOf({ targets: [{ url: 'https://${HOST}:8443/base' }, { url: '${OTHER}', weight: 3 }, { url: 'http://[::1]:80' }] })).toEqual([])
    expect(codesOf({ balance: 'hash', hashKey: 'req.params.id', checkPath: '/healthz', breaker: true, maxConcurrent: 10, hedgeMs: 50, tls: 't', auth: 'a' }, { t: 'tls-config', a: 'callout auth' })).toEqual([])
  })

  it.each([
    [{ targets: [] }, 'upstream.no_target targets'],
    [{ targets: [{ url: ' ' }] }, 'upstream.no_target targets'],
    [{ targets: [{ url: 'api.example.org' }] }, 'upstream.target targets'],
    [{ targets: [{ url: 'ftp://api.example.org' }] }, 'upstream.target targets'],
    [{ targets: [{ url: 'https://user:secret@api.example.org' }] }, 'upstream.target targets'],
    [{ targets: [{ url: 'https://api.example.org/?a=1' }] }, 'upstream.target targets'],
    [{ targets: [{ url: 'https://{{payload.host}}' }] }, 'upstream.target targets'],
    [{ targets: [{ url: 'https://a.example' }, { url: 'https://a.example/' }] }, 'upstream.target_twice targets'],
    [{ balance: 'hash' }, 'upstream.no_key hashKey'],
    [{ balance: 'hash', hashKey: 'req..id' }, 'value.path hashKey'],
    [{ balance: 'hash', hashKey: '(', hashKeyType: 'jsonata' }, 'expression.syntax hashKey'],
    [{ checkPath: 'healthz' }, 'upstream.check_path checkPath'],
    [{ checkStatus: 'fine' }, 'callout.status checkStatus'],
    [{ tls: 'gone' }, 'config.missing tls'],
    [{ auth: 'gone' }, 'config.missing auth'],
    [{ retryOn: 'whenever' }, 'upstream.retry_on retryOn'],
    [{ retries: 2, retryPercent: 0 }, 'upstream.no_budget retryPercent warning'],
    [{ retries: 11 }, 'config.invalid'],
    [{ breakerErrorPercent: 0 }, 'config.invalid'],
  ])('says what is wrong with %j', (config, code) => expect(codesOf(config).join()).toContain(code))
})
