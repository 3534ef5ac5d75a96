import type { EditorNode, Problem } from '../core/flow.ts'

/** Problems as lines a person can act on: the place by the names on the canvas, what is wrong, what to do. */
export function printProblems(problems: readonly Problem[], nodes: readonly EditorNode[] = []): string {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  return problems.map((problem) => {
    const flow = nameOf(byId.get(problem.flow ?? ''), problem.flow)
    const node = nameOf(byId.get(problem.node ?? ''), problem.node)
    const place = [flow, node, problem.property].filter(Boolean).join(' › ')
    return `${problem.severity === 'error' ? '✗' : '!'} ${place ? `${place}: ` : ''}${problem.message}\n    ${problem.remedy} [${problem.code}]`
  }).join('\n')
}

function nameOf(node: EditorNode | undefined, id: string | undefined): string | undefined {
  if (!node) return id
  const name = node['label'] ?? node['name']
  const shown = typeof name === 'string' && name !== '' ? name : node.type
  return node.type === 'tab' || node.type === 'subflow' ? shown : `${shown} (${node.id})`
}
