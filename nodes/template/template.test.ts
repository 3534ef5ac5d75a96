import { describe, expect, it } from 'vitest'
import type { Sandbox } from '../../runtime/core/sandbox.ts'
import { createTemplate } from '../../runtime/sandbox/template.ts'
import { memoryContexts } from '../../test/kit/memory-context.ts'
import { checkNode, type NodeTestOptions, testNode } from '../../test/kit/node-tester.ts'
import { template } from './template.ts'

const sandbox = { template: async (...given: Parameters<typeof createTemplate>) => createTemplate(...given) } as unknown as Sandbox
const after = async (config: object, message: object, options: NodeTestOptions = {}) =>
  (await (await testNode(template, config, { sandbox, ...options })).send(message))[0]?.message

describe('template', () => {
  it('takes what the stock form writes, and escapes for HTML', async () => {
    expect(await after({ name: '', field: 'payload', fieldType: 'msg', format: 'handlebars', syntax: 'mustache', template: 'Hi {{payload}} {{{payload}}}', output: 'str' }, { payload: '<b>' })).toEqual({ payload: 'Hi &lt;b&gt; <b>' })
  })

  it('fills sections and reads environment and contexts', async () => {
    const contexts = memoryContexts({ flow: { n: 1 }, global: { g: { x: 2 } } })
    expect(await after({ template: '{{#payload}}{{a}},{{/payload}} {{env.CITY}} {{flow.n}} {{global.g.x}}' }, { payload: [{ a: 1 }, { a: 2 }] }, { contexts, env: { CITY: '臺北' } })).toEqual({ payload: '1,2, 臺北 1 2' })
  })

  it('makes JSON, with texts escaped for JSON', async () => {
    expect(await after({ template: '{"said":"{{payload}}"}', output: 'json' }, { payload: 'a"b\n' })).toEqual({ payload: { said: 'a"b\n' } })
    await expect(after({ template: '{{payload}}', output: 'json' }, { payload: 'x' })).rejects.toMatchObject({ code: 'template.error' })
  })

  it('leaves plain templates as they are', async () => {
    expect(await after({ template: '{{payload}}', syntax: 'plain' }, { payload: 1 })).toEqual({ payload: '{{payload}}' })
    expect(await after({ template: '[1]', syntax: 'plain', output: 'json' }, {})).toEqual({ payload: [1] })
  })

  it('writes where it is told', async () => {
    const contexts = memoryContexts()
    expect(await after({ template: 'x', syntax: 'plain', field: 'a.b' }, { payload: 1 })).toEqual({ payload: 1, a: { b: 'x' } })
    expect(await after({ template: 'x', syntax: 'plain', field: 'kept', fieldType: 'flow' }, { payload: 1 }, { contexts })).toEqual({ payload: 1 })
    expect(contexts.flow.get('kept')).toBe('x')
  })

  it('takes the template of the message when it has none', async () => {
    expect((await after({ template: '' }, { payload: 1, template: 'got {{payload}}' }))?.payload).toBe('got 1')
    expect((await after({ template: 'own' }, { payload: 1, template: 'got {{payload}}' }))?.payload).toBe('own')
  })

  it.each([
    [{ output: 'yaml' }, 'node.not_yet'],
    [{ field: 'a..b' }, 'value.path'],
    [{ template: '{', syntax: 'plain', output: 'json' }, 'value.json'],
    [{ syntax: 'jinja' }, 'config.invalid'],
  ])('refuses %j', (config, code) => {
    expect(checkNode(template, config)).toMatchObject([{ code }])
  })

  it('refuses a template that does not parse', async () => {
    await expect(testNode(template, { template: '{{#a}}' }, { sandbox })).rejects.toMatchObject({ code: 'template.error' })
  })
})
