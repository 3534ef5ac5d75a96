/** A node of Node-RED's core set that is not run here. */
interface NotYet {
  readonly type: string
  /** What a person calls it. */
  readonly name: string
  /** Refused by policy, for good: it would reach the machine's files, processes or raw network. */
  readonly never?: true
}

/** Node-RED core nodes that flows may bring along and that are refused by name. Sorted by type. */
export const notYet: readonly NotYet[] = [
  { type: 'batch', name: 'batch' },
  { type: 'exec', name: 'exec', never: true },
  { type: 'file', name: 'write file', never: true },
  { type: 'file in', name: 'read file', never: true },
  { type: 'html', name: 'html' },
  { type: 'http proxy', name: 'http proxy' },
  { type: 'mqtt in', name: 'mqtt in' },
  { type: 'mqtt out', name: 'mqtt out' },
  { type: 'mqtt-broker', name: 'mqtt broker' },
  { type: 'rbe', name: 'filter' },
  { type: 'tcp in', name: 'tcp in', never: true },
  { type: 'tcp out', name: 'tcp out', never: true },
  { type: 'tcp request', name: 'tcp request', never: true },
  { type: 'trigger', name: 'trigger' },
  { type: 'udp in', name: 'udp in', never: true },
  { type: 'udp out', name: 'udp out', never: true },
  { type: 'watch', name: 'watch', never: true },
  { type: 'websocket in', name: 'websocket in' },
  { type: 'websocket out', name: 'websocket out' },
  { type: 'websocket-client', name: 'websocket client' },
  { type: 'websocket-listener', name: 'websocket listener' },
  { type: 'xml', name: 'xml' },
  { type: 'yaml', name: 'yaml' },
]
