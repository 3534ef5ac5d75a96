import { describe, expect, test } from 'vitest'
import { definitions } from '../../nodes/index.ts'
import { createAssembler } from '../../runtime/compile/assemble.ts'
import { createCatalogue } from '../../runtime/compile/catalogue.ts'
import { checkFlows, toRevisions } from '../../runtime/compile/check.ts'

const tab = { id: 't', type: 'tab', label: 'People' }
const labels = [{ path: 'payload.pid', label: 'pid' }]
const entry = { id: 'in', type: 'http in', z: 't', name: 'entry', method: 'post', url: '/people', labels, wires: [['x']] }
const answer = { id: 'out', type: 'http response', z: 't', wires: [] }

/** Leaks of a flow in which these nodes stand between a labelled entry and an answer, as `node: labels`. */
function leaks(...between: readonly Record<string, unknown>[]): string[] {
  const nodes = between.map((node, at) => ({ id: `n${at}`, z: 't', wires: [[at + 1 < between.length ? `n${at + 1}` : 'out']], ...node }))
  return problemsOf([tab, { ...entry, wires: [[nodes[0]?.id ?? 'out']] }, ...nodes, answer])
}

function problemsOf(nodes: readonly object[]): string[] {
  const problems = checkFlows(nodes, definitions)
  const errors = problems.filter(({ severity, code }) => severity === 'error' && code !== 'label.leak')
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join('\n'))
  return problems.filter(({ code }) => code === 'label.leak').map(({ node, message }) => `${node} ${/labelled “(.*?)”/.exec(message)?.[1]}`)
}

describe('data labels', () => {
  test('a labelled value does not get into an answer, and the node is named with where it came in and what to do', () => {
    expect(leaks()).toEqual(['out pid'])
    const [problem] = checkFlows([tab, { ...entry, wires: [['out']] }, answer], definitions).filter(({ code }) => code === 'label.leak')
    expect(problem).toMatchObject({
      severity: 'error', node: 'out', flow: 't',
      message: '“out” (http response) would let data labelled “pid” into the answer to the caller, in clear: payload (pid). It came in at “entry” (http in), payload.pid.',
      remedy: expect.stringContaining('mask'),
    })
  })

  test('masked it may be answered: by path, or by label', () => {
    expect(leaks({ type: 'mask', fields: [{ by: 'path', field: '$.pid', how: 'keep', first: 1, last: 2 }] })).toEqual([])
    expect(leaks({ type: 'mask', fields: [{ by: 'label', field: 'pid' }] })).toEqual([])
    expect(leaks({ type: 'mask', fields: [{ by: 'path', field: '$.name' }] })).toEqual(['out pid'])
    expect(leaks({ type: 'mask', fields: [{ by: 'label', field: 'pan' }] })).toEqual(['out pid'])
  })

  const set = (p: string, to: string, tot = 'msg') => ({ t: 'set', p, pt: 'msg', to, tot })
  const change = (...rules: readonly object[]) => ({ type: 'change', rules })

  test.each<[string, readonly Record<string, unknown>[]]>([
    ['change: overwritten, deleted', [change(set('payload.pid', 'x', 'str'), { t: 'delete', p: 'payload.pid', pt: 'msg' })]],
    ['change: moved out of what is answered', [change({ t: 'move', p: 'payload.pid', pt: 'msg', to: 'kept', tot: 'msg' })]],
    ['change: an expression that reads other fields', [change(set('payload', '{ "name": payload.name }', 'jsonata'))]],
    ['map: other fields', [{ type: 'map', rows: [{ to: 'name', from: 'payload.name' }, { to: 'many', from: 'payload.people', each: [{ to: 'n', from: 'item.n' }] }] }]],
    ['transform: other fields, comparisons, counts', [{ type: 'transform', expression: '{ "name": name, "same": pid = "x", "long": $length(pid), "n": $map(people, function($v) { $v.n }) }' }]],
    ['template: other fields', [{ type: 'template', template: 'Hello {{payload.name}}' }]],
    ['function: a new payload of fields that carry nothing', [{ type: 'function', func: 'const topic = msg.topic; msg.note = topic; return msg' }, change(set('payload', 'note'))]],
    ['json: text of a part that carries nothing', [change(set('payload', 'payload.name')), { type: 'json', property: 'payload', action: 'str' }]],
    ['switch and delay do nothing to it, mask does', [{ type: 'switch', property: 'payload.pid', propertyType: 'msg', rules: [{ t: 'nnull' }], outputs: 1 }, { type: 'delay' }, { type: 'mask', fields: [{ by: 'path', field: '$..pid', how: 'whole' }] }]],
    ['tokenize', [{ type: 'tokenize', domain: 'people', fields: [{ path: '$.pid', mode: 'random' }] }]],
    ['tokenize in another property, and back', [change({ t: 'move', p: 'payload', pt: 'msg', to: 'person', tot: 'msg' }), { type: 'tokenize', property: 'person', domain: 'people', fields: [{ path: '$..pid' }] }, change({ t: 'move', p: 'person', pt: 'msg', to: 'payload', tot: 'msg' })]],
    ['crypto', [{ type: 'crypto', operation: 'encrypt', key: 'k', what: 'fields', fields: [{ path: '$.pid' }] }]],
    ['a release', [{ type: 'release label', fields: [{ by: 'label', field: 'pid' }], reason: 'It is his own.' }]],
    ['a callout whose answer takes its place', [{ type: 'http request', method: 'GET', url: 'https://example.org/', ret: 'obj' }]],
  ])('lets pass what carries no label any more: %s', (_what, between) => {
    expect(leaks(...between)).toEqual([])
  })

  test.each<[string, readonly Record<string, unknown>[], readonly string[]]>([
    ['change: copied, replaced in, by an index that only runs know', [change(set('payload.list[0]', 'payload.pid'), { t: 'change', p: 'payload.name', pt: 'msg', from: 'a', fromt: 'str', to: 'payload.pid', tot: 'msg' }, { t: 'delete', p: 'payload.pid', pt: 'msg' })], ['out pid']],
    ['change: overwritten by what may not be there', [change(set('payload.pid', 'other.deep'))], ['out pid']],
    ['change: into a context', [change({ t: 'set', p: 'last', pt: 'flow', to: 'payload.pid', tot: 'msg' }, set('payload', 'ok', 'str'))], ['n0 pid']],
    ['map: by a function, from a list, of the whole', [{ type: 'map', rows: [{ to: 'a', from: 'payload.name', do: [{ function: 'append', with: [{ from: 'payload.pid' }] }] }] }], ['out pid']],
    ['transform: computed', [{ type: 'transform', expression: '$uppercase(pid) & "!"' }], ['out pid']],
    ['template: a section', [{ type: 'template', template: '{{#payload}}{{pid}}{{/payload}}' }], ['out pid']],
    ['function: in a field that it names', [{ type: 'function', func: 'msg.payload = msg.payload.pid.slice(1); return msg' }], ['out pid']],
    ['function: hands the message on as a whole', [{ type: 'function', func: 'return Object.assign({}, msg)' }, change(set('payload', 'topic'))], ['out pid', 'out pid', 'out pid', 'out pid']],
    ['function: says it in the log, keeps it', [{ type: 'function', func: 'node.warn(msg.payload.pid); flow.set("x", msg.payload); return null' }], ['n0 pid', 'n0 pid', 'out pid']],
    ['json: text of it, which no path finds any more', [{ type: 'json', action: 'str' }, { type: 'mask', fields: [{ field: '$.pid', how: 'whole' }] }], ['out pid']],
    ['a callout: URL, header, body', [{ type: 'service callout', url: 'https://example.org/{{payload.pid}}', method: 'POST', headers: [{ name: 'x', value: 'payload.pid', valueType: 'msg' }] }], ['n0 pid', 'n0 pid', 'n0 pid']],
    ['a debug node to the log', [{ type: 'debug', console: true, complete: 'payload', targetType: 'msg' }], ['n0 pid']],
    ['a cache', [{ type: 'cache set', key: [{ value: 'k', valueType: 'str' }], value: 'payload.pid' }, change(set('payload', 'x', 'str'))], ['n0 pid']],
    ['a mask that finds some of it only', [{ type: 'mask', fields: [{ field: "$[?@ != 'x']", how: 'whole' }] }], ['out pid']],
    ['tokens that are revealed again', [{ type: 'tokenize', domain: 'people', fields: [{ path: '$.pid' }] }, { type: 'detokenize', domain: 'people', purpose: 'p', fields: [{ path: '$.pid' }] }], ['out pid']],
  ])('refuses: %s', (_what, between, expected) => {
    expect(leaks(...between)).toEqual(expected)
  })

  const empty = set('payload', '{}', 'json')
  const asked = change(set('asked', 'payload'), empty)
  test.each<[string, readonly Record<string, unknown>[], readonly string[]]>([
    ['a field that change sets', [asked, change(set('payload[msg.asked.pid]', '1', 'num'))], ['out pid']],
    ['a field below a field', [asked, change(set('payload.by[msg.asked.pid].seen', '1', 'num'))], ['out pid']],
    ['a name within a name', [change(set('asked', 'payload'), set('table', '{}', 'json'), empty), change(set('payload[msg.table[msg.asked.pid]]', '1', 'num'))], []],
    ['a field that something is moved to', [asked, change(set('one', '1', 'num'), { t: 'move', p: 'one', pt: 'msg', to: 'payload[msg.asked.pid]', tot: 'msg' })], ['out pid']],
    ['the key of a context', [asked, change({ t: 'set', p: 'seen[msg.asked.pid]', pt: 'flow', to: '1', tot: 'num' })], ['n1 pid']],
    ['the key of a named context store', [asked, change({ t: 'set', p: '#:(memory)::seen[msg.asked.pid]', pt: 'flow', to: '1', tot: 'num' })], ['n1 pid']],
    ['the destination of a template', [asked, { type: 'template', field: 'payload[msg.asked.pid]', template: 'x' }], ['out pid']],
    ['the context key of a template', [asked, { type: 'template', field: 'seen[msg.asked.pid]', fieldType: 'flow', template: 'x' }], ['n1 pid']],
    ['the destination of a map', [asked, { type: 'map', into: 'payload[msg.asked.pid]', rows: [{ to: 'x', from: 'payload.x' }] }], ['out pid']],
    ['the destination of a merge', [asked, { type: 'merge', target: 'payload[msg.asked.pid]', sources: [{ value: 'payload', valueType: 'msg' }] }], ['out pid']],
    ['where a value of a cache goes', [asked, { type: 'cache get', key: [{ value: 'k', valueType: 'str' }], property: 'payload[msg.asked.pid]' }], ['out pid']],
    ['where the answer to a comparison goes', [asked, { type: 'verify token', domain: 'people', answer: 'property', into: 'payload[msg.asked.pid]' }], ['out pid']],
    ['where a signature goes', [asked, { type: 'crypto', operation: 'sign', key: 'k', signature: 'jws-detached', putInto: 'field', field: 'payload[msg.asked.pid]', property: 'asked' }], ['out pid']],
    ['a key that an expression makes', [change(set('payload', '{ payload.pid: 1 }', 'jsonata'))], ['out pid']],
    ['the key of an object that is joined', [asked, { type: 'join', mode: 'custom', build: 'object', key: 'asked.pid', count: 1 }], ['out pid']],
    ['the method of a callout', [asked, change(set('method', 'asked.pid'), set('payload', '', 'str')), { type: 'service callout', url: 'https://example.org', method: 'use', bodyFrom: 'none' }], ['n2 pid']],
    ['the method of a request', [asked, change(set('method', 'asked.pid')), { type: 'http request', url: 'https://example.org', method: 'use' }], ['n2 pid']],
    ['the URL of a request', [asked, change(set('url', '"https://example.org/" & asked.pid', 'jsonata')), { type: 'http request', method: 'GET' }], ['n2 pid']],
    ['the name of a header', [asked, { type: 'http request', method: 'GET', url: 'https://example.org', headers: [{ keyType: 'msg', keyValue: 'asked.pid', valueType: 'other', valueValue: '1' }] }], ['n1 pid']],
    ['a name among the headers of a request', [asked, change(set('headers[msg.asked.pid]', '1', 'str')), { type: 'http request', method: 'GET', url: 'https://example.org' }], ['n2 pid', 'out pid']],
    ['a topic', [change(set('topic', 'payload.pid'), set('payload', 'topic'))], ['out pid']],
  ])('a value that becomes a name keeps its label: %s', (_what, between, expected) => {
    const nodes = between.map((node, at) => ({ id: `n${at}`, z: 't', ...node, wires: [[at + 1 < between.length ? `n${at + 1}` : 'out'], ['out'], ['out']].slice(0, node['type'] === 'service callout' ? 3 : node['type'] === 'change' || node['type'] === 'http request' ? 1 : 2) }))
    const found = problemsOf([tab, { ...entry, wires: [['n0']] }, ...nodes, answer])
    expect([...new Set(found)]).toEqual([...new Set(expected)])
  })

  test('labels of a query are known in the payload of a GET and in the URL; those of x-label behind validate', () => {
    const get = { ...entry, method: 'get', labels: [{ path: 'req.query.pid', label: 'pid' }], wires: [['out']] }
    expect(problemsOf([tab, get, answer])).toEqual(['out pid'])
    const map = (from: string) => ({ id: 'm', type: 'map', z: 't', rows: [{ to: 'x', from }], wires: [['out']] })
    expect(problemsOf([tab, { ...get, wires: [['m']] }, map('req.originalUrl'), answer])).toEqual(['out pid'])
    expect(problemsOf([tab, { ...get, wires: [['m']] }, map('req.query.page'), answer])).toEqual([])
    const inRequest = [{ id: 'k', type: 'mask', z: 't', fields: [{ by: 'label', field: 'pid' }], wires: [['m']] }, map('req.query.pid')]
    expect(problemsOf([tab, { ...get, wires: [['k']] }, ...inRequest, answer])).toEqual(['out pid'])
    const schema = { type: 'object', properties: { who: { $ref: '#/$defs/person' } }, $defs: { person: { type: 'object', properties: { id: { type: 'string', 'x-label': 'pid' } } } } }
    const validated = (from: string) => problemsOf([tab, { ...entry, labels: [], wires: [['v']] }, { id: 'v', type: 'validate', z: 't', body: JSON.stringify(schema), wires: [['m'], []] }, map(from), answer])
    expect([validated('payload.who.id'), validated('payload.who.name')]).toEqual([['out pid'], []])
  })

  test('an entry that takes bodies of any type is told that fields are not looked for in text', () => {
    const codes = (more: object) => checkFlows([tab, { ...entry, wires: [['out']], ...more }, answer], definitions).map(({ code }) => code)
    expect(codes({})).toContain('label.any_type')
    expect(codes({ accepts: ['application/json'] })).not.toContain('label.any_type')
    expect(codes({ labels: [] })).not.toContain('label.any_type')
  })

  test('two callers of one flow do not get each other’s labels, and what a called flow leaks is found', () => {
    const called = [{ id: 's', type: 'tab', label: 'Shared' }, { id: 'li', type: 'link in', z: 's', links: [], wires: [['lo']] }, { id: 'lo', type: 'link out', z: 's', mode: 'return', links: [], wires: [] }]
    const caller = (id: string, given: readonly object[]) => [
      { id, type: 'tab', label: id }, { id: `${id}-in`, type: 'http in', z: id, method: 'post', url: `/${id}`, labels: given, wires: [[`${id}-c`]] },
      { id: `${id}-c`, type: 'link call', z: id, links: ['li'], wires: [[`${id}-out`]] }, { id: `${id}-out`, type: 'http response', z: id, wires: [] },
    ]
    expect(problemsOf([...caller('a', labels), ...caller('b', []), ...called])).toEqual(['a-out pid'])
    const loud = called.map((node) => (node.id === 'li' ? { ...node, wires: [['lo', 'd']] } : node))
    expect(problemsOf([...caller('a', []), ...caller('b', labels), ...loud, { id: 'd', type: 'debug', z: 's', console: true, wires: [] }])).toEqual(['b-out pid', 'd pid'])
  })

  test('a flow without labels is the same as before, and is not followed', () => {
    const assemble = createAssembler(createCatalogue(definitions))
    const plain = assemble(toRevisions([tab, { ...entry, labels: [], wires: [['out']] }, answer] as never))
    expect(plain.flows[0]?.labels).toBeUndefined()
    const labelled = assemble(toRevisions([tab, { ...entry, wires: [['m']] }, { id: 'm', type: 'mask', z: 't', fields: [{ by: 'label', field: 'pid' }], wires: [['out']] }, answer] as never))
    expect([...(labelled.flows[0]?.labels?.keys() ?? [])].sort()).toEqual(['in', 'm', 'out'])
  })

  test('a function that sends a message of its own is held to every field that it puts in', () => {
    const toAnswer = { type: 'change', rules: [{ t: 'set', p: 'payload', pt: 'msg', to: 'topic', tot: 'msg' }] }
    for (const func of [
      'return { topic: msg.payload.pid, res: msg.res, payload: 1 }',
      'return [null, { topic: msg.payload.pid, res: msg.res }]',
      'return msg.ok ? msg : { topic: msg.payload.pid }',
      'node.send({ topic: msg.payload.pid, res: msg.res })',
      'const made = { topic: msg.payload.pid, res: msg.res }; return made',
    ]) expect(leaks({ type: 'function', func }, toAnswer), func).toContain('out pid')
    expect(leaks({ type: 'function', func: 'delete msg.payload; return msg' }, { type: 'mask', fields: [{ by: 'label', field: 'pid' }] })).toEqual([])
  })

  test('an expression is held to what it computes from where it stands, and from names that it gives on the way', () => {
    const set = (to: string) => ({ type: 'change', rules: [{ t: 'set', p: 'payload', pt: 'msg', to, tot: 'jsonata' }] })
    for (const expression of ['payload.pid.$uppercase()', 'payload.pid.$substring(0, 5)', 'payload.$lookup("pid")', 'payload.$each(function($v) { $v })', 'payload.$string()', '($f := $uppercase; payload.pid.$f())', '($a := $b := payload.pid; $b)']) {
      expect(leaks(set(expression)), expression).toEqual(['out pid'])
    }
    for (const expression of ['payload.{ "name": $uppercase(name) }', '$substring(payload.name, 1)', '$map(payload.list, function($v) { $substring($v, 3) })', '$string(payload.name)', '$lookup(payload, "name")', '($f := function($x) { $x & "." }; payload.people.{ "name": $f(name) })']) {
      expect(leaks(set(expression)), expression).toEqual([])
    }
  })
})
