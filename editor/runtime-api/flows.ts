import { randomBytes } from 'node:crypto'
import { Refused, type Control } from '../../control/contract.ts'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { toEditorError } from './refusal.ts'
import type { ActorOf, Asked } from './who.ts'

interface Options extends Asked {
  readonly id?: string
  readonly type?: string
  readonly flows?: { readonly flows: readonly EditorNode[]; readonly rev?: string }
  readonly flow?: Readonly<Record<string, unknown>>
}

/** A tab with what lies on it, as Node-RED's `/flow/:id` speaks of it. */
interface SingleFlow {
  readonly id?: string
  readonly label?: string
  readonly nodes?: readonly EditorNode[]
  readonly configs?: readonly EditorNode[]
  readonly subflows?: readonly EditorNode[]
  readonly [property: string]: unknown
}

/** Node-RED's `runtimeAPI.flows`, on our control plane. Errors are the ones its HTTP handlers expect. */
export function createFlowsApi(control: Control, user: ActorOf) {
  async function change(options: Options, edit: (nodes: readonly EditorNode[]) => readonly EditorNode[]) {
    const { nodes, rev } = await control.flows.current(user(options))
    return control.flows.deploy({ nodes: edit(nodes), rev, user: user(options) })
  }

  return {
    getFlows: (options: Options) => asEditor(async () => {
      const { nodes, rev } = await control.flows.current(user(options))
      return { flows: nodes, rev }
    }),
    // The editor's own deploys are answered in front of this; it serves what else calls the runtime API.
    setFlows: (options: Options) => asEditor(async () => {
      if (!options.flows) return { rev: (await control.flows.current(user(options))).rev } // "restart flows": nothing runs here
      const { flows, rev } = options.flows
      const result = await control.flows.deploy({ nodes: flows, ...(rev === undefined ? {} : { rev }), user: user(options) })
      return { rev: result.rev }
    }),
    getFlow: (options: Options) => asEditor(async () => {
      const { nodes } = await control.flows.current(user(options))
      return toSingleFlow(nodes, options.id!)
    }),
    addFlow: (options: Options) => asEditor(async () => {
      const id = randomBytes(8).toString('hex')
      await change(options, (nodes) => [...nodes, ...fromSingleFlow(options.flow as SingleFlow, id)])
      return id
    }),
    updateFlow: (options: Options) => asEditor(async () => {
      await change(options, (nodes) => {
        toSingleFlow(nodes, options.id!) // refuses what is not there
        return [...nodes.filter((node) => !isOn(node, options.id!)), ...fromSingleFlow(options.flow as SingleFlow, options.id!)]
      })
      return options.id
    }),
    deleteFlow: (options: Options) => asEditor(async () => {
      await change(options, (nodes) => {
        toSingleFlow(nodes, options.id!)
        return nodes.filter((node) => !isOn(node, options.id!))
      })
    }),
    getState: async (_options: Options) => ({ state: 'start' }),
    setState: (_options: Options) => asEditor(async () => {
      throw new Refused('flows.state', 405, 'Flows are started and stopped by deploying them.')
    }),
    getNodeCredentials: (options: Options) => asEditor(() => control.flows.credentials(options.type!, options.id!, user(options))),
  }
}

async function asEditor<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (thrown) {
    throw toEditorError(thrown)
  }
}

function isOn(node: EditorNode, flow: string): boolean {
  return flow === 'global' ? isGlobal(node) : node.id === flow || node.z === flow
}

function isGlobal(node: EditorNode): boolean {
  return node.z === undefined && node.type !== 'tab'
}

function toSingleFlow(nodes: readonly EditorNode[], id: string): SingleFlow {
  const tab = nodes.find((node) => node.id === id && (node.type === 'tab' || node.type === 'subflow'))
  if (!tab && id !== 'global') throw new Refused('not_found', 404, `There is no flow “${id}”.`)
  const on = nodes.filter((node) => isOn(node, id) && node !== tab)
  const placed = (node: EditorNode) => 'x' in node && 'y' in node
  const { type: _type, ...head } = tab ?? { id: 'global', type: 'global' }
  return {
    ...head,
    ...(tab ? { nodes: on.filter(placed) } : { subflows: on.filter((node) => node.type === 'subflow') }),
    configs: on.filter((node) => !placed(node) && node.type !== 'subflow'),
  }
}

function fromSingleFlow(flow: SingleFlow, id: string): EditorNode[] {
  const { nodes = [], configs = [], subflows = [], ...head } = flow
  const put = (node: EditorNode) => (id === 'global' ? node : { ...node, z: id })
  return [...(id === 'global' ? subflows : [{ ...head, id, type: 'tab' }]), ...nodes.map(put), ...configs.map(put)]
}
