import type { EditorNode } from '../../runtime/core/flow.ts'
import { flow } from '../kit/flow-builder.ts'

/** A flow that asks two services at once and answers with both; `version` changes its code. */
export function composed(upstream: string, version: number): EditorNode[] {
  const tab = { z: 'composed' }
  const callout = (id: string, of: string, next: string) => ({
    ...tab, id, type: 'service callout', name: id, method: 'GET', url: `${upstream}/${of}?who={{req.query.who}}`, timeoutMs: 400, expectedStatus: '200-299', redirects: 0, wires: [[next], []],
  })
  const branch = (name: string) => ({ name, ifFails: 'default', value: 'null', valueType: 'json', timeoutMs: 0, unread: false })
  return [
    { id: 'composed', type: 'tab', label: 'composed', disabled: false, info: '', env: [] },
    { ...tab, id: 'in', type: 'http in', name: '', url: '/composed', method: 'get', upload: false, swaggerDoc: '', wires: [['both']] },
    { ...tab, id: 'both', type: 'parallel', name: '', branches: [branch('left'), branch('right')], join: 'all', deadlineMs: 0, late: 'cancel', wires: [['left'], ['right'], ['sum']] },
    callout('left', 'left', 'end'), callout('right', 'right', 'end'),
    { ...tab, id: 'end', type: 'end', name: '', wires: [] },
    { ...tab, id: 'sum', type: 'function', name: '', func: `// version ${version}\nconst seen = context.get('seen') ?? 0\ncontext.set('seen', seen + 1)\nmsg.payload = { who: msg.req.query.who, version: ${version}, left: msg.payload.left, right: msg.payload.right }\nreturn msg`, outputs: 1, timeout: 0, noerr: 0, initialize: '', finalize: '', libs: [], wires: [['out']] },
    { ...tab, id: 'out', type: 'http response', name: '', statusCode: '', headers: {}, wires: [] },
  ] as unknown as EditorNode[]
}

/** A flow whose answers pass through. */
export function passed(upstream: string): EditorNode[] {
  return flow('passed').httpIn('GET', '/passed').node('pass through', { url: `${upstream}/long`, timeoutMs: 1000, idleMs: 1000 }, 0).nodes()
}
