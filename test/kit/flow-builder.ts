import type { EditorNode } from '../../runtime/core/flow.ts'

/** Where the next node will be wired to: a node and one of its output ports. */
interface Tip {
  readonly node: string
  readonly port: number
}

type Draft = { id: string; type: string; wires: string[][] } & Record<string, unknown>

/** A rule of a change node, in Node-RED's own shape. */
export type ChangeRule = Readonly<Record<string, unknown>>

/** Sets a message property to a literal: a string, number or boolean by its type, anything else as JSON. */
export function set(property: string, value: unknown): ChangeRule {
  const type = typeof value === 'string' ? 'str' : typeof value === 'number' ? 'num' : typeof value === 'boolean' ? 'bool' : 'json'
  return { t: 'set', p: property, pt: 'msg', to: type === 'json' ? JSON.stringify(value) : String(value), tot: type }
}

/** Sets a message property by a JSONata expression over the message. */
export function setBy(property: string, expression: string): ChangeRule {
  return { t: 'set', p: property, pt: 'msg', to: expression, tot: 'jsonata' }
}

/**
 * Draws flow JSON the way a person draws it: each call places a node and wires it behind the last one.
 * Ids are `<tab>.<n>` in the order of drawing, so that a test can name a node; `as` gives one a name.
 */
export class FlowBuilder {
  readonly id: string
  readonly #tab: Draft
  readonly #nodes: Draft[] = []
  #tips: Tip[] = []

  constructor(id: string, tab: Record<string, unknown> = {}) {
    this.id = id
    this.#tab = { id, type: 'tab', label: id, disabled: false, info: '', env: [], ...tab } as unknown as Draft
  }

  /** The flow as the editor would send it. */
  nodes(): EditorNode[] {
    return structuredClone([this.#tab, ...this.#nodes]) as EditorNode[]
  }

  /** Places a node of any type behind the tips; `outputs` is how many ports it has. */
  node(type: string, config: Record<string, unknown> = {}, outputs = 1): this {
    const id = `${this.id}.${this.#nodes.length + 1}`
    const draft: Draft = {
      id,
      type,
      z: this.id,
      name: '',
      x: 160 + 180 * this.#nodes.length,
      y: 80,
      ...config,
      wires: Array.from({ length: outputs }, () => []),
    }
    this.#nodes.push(draft)
    this.#wireTo(draft.id)
    this.#tips = outputs > 0 ? [{ node: draft.id, port: 0 }] : []
    return this
  }

  /** Gives the node that was placed last an id of its own. */
  as(id: string): this {
    const last = this.#nodes.at(-1)
    if (!last) throw new Error('there is no node to name yet')
    const old = last.id
    last.id = id
    for (const node of this.#nodes) node.wires = node.wires.map((port) => port.map((to) => (to === old ? id : to)))
    this.#tips = this.#tips.map((tip) => (tip.node === old ? { ...tip, node: id } : tip))
    return this
  }

  /** Starts a new line: the next node is wired to nothing. */
  line(): this {
    this.#tips = []
    return this
  }

  /** Goes on behind a node that was drawn before. */
  from(id: string, port = 0): this {
    this.#tips = [{ node: id, port }]
    return this
  }

  /** Wires the tips to a node that was drawn before (a loop, a shared end). */
  to(id: string): this {
    this.#wireTo(id)
    this.#tips = []
    return this
  }

  /** Draws every branch from the same place; the next node is wired behind all their ends. */
  branches(...draw: ((flow: this) => unknown)[]): this {
    const start = this.#tips
    const ends: Tip[] = []
    for (const branch of draw) {
      this.#tips = start
      branch(this)
      ends.push(...this.#tips)
    }
    this.#tips = ends
    return this
  }

  /** Goes on from another port of the node at the tip. */
  port(port: number): this {
    this.#tips = this.#tips.map((tip) => ({ ...tip, port }))
    return this
  }

  httpIn(method: string, url: string, config: Record<string, unknown> = {}): this {
    return this.line().node('http in', { url, method: method.toLowerCase(), upload: false, swaggerDoc: '', ...config })
  }

  /** A function node. */
  fn(func: string, config: Record<string, unknown> = {}, outputs = 1): this {
    return this.node('function', { func, outputs, timeout: 0, noerr: 0, initialize: '', finalize: '', libs: [], ...config }, outputs)
  }

  change(...rules: ChangeRule[]): this {
    return this.node('change', { rules, action: '', property: '', from: '', to: '', reg: false })
  }

  /** A switch node: one port per rule, in Node-RED's rule shape. */
  switch(property: string, ...rules: Record<string, unknown>[]): this {
    return this.node('switch', { property, propertyType: 'msg', rules, checkall: 'true', repair: false, outputs: rules.length }, rules.length)
  }

  /** Splits an array into messages, one per element. */
  split(config: Record<string, unknown> = {}): this {
    return this.node('split', { splt: '\\n', spltType: 'str', arraySplt: 1, arraySpltType: 'len', stream: false, addname: '', property: 'payload', ...config })
  }

  join(config: Record<string, unknown> = {}): this {
    return this.node('join', {
      mode: 'auto', build: 'array', property: 'payload', propertyType: 'msg', key: 'topic', joiner: '\\n', joinerType: 'str',
      useparts: false, accumulate: false, timeout: '', count: '', reduceRight: false, reduceExp: '', reduceInit: '', reduceInitType: '', reduceFixup: '', ...config,
    })
  }

  delay(ms: number): this {
    return this.node('delay', {
      pauseType: 'delay', timeout: String(ms), timeoutUnits: 'milliseconds', rate: '1', nbRateUnits: '1', rateUnits: 'second',
      randomFirst: '1', randomLast: '5', randomUnits: 'seconds', drop: false, allowrate: false, outputs: 1,
    })
  }

  /** A Catch node for the whole flow. */
  catch(config: Record<string, unknown> = {}): this {
    return this.line().node('catch', { scope: null, uncaught: false, ...config })
  }

  /** Node-RED's reply node; with it the flow runs in stock Node-RED as well. */
  httpResponse(statusCode: number | '' = '', headers: Record<string, string> = {}): this {
    return this.node('http response', { statusCode: String(statusCode), headers }, 0)
  }

  #wireTo(id: string): void {
    for (const tip of this.#tips) {
      const from = this.#nodes.find((node) => node.id === tip.node)
      if (!from) throw new Error(`no node ${tip.node} was drawn on ${this.id}`)
      ;(from.wires[tip.port] ??= []).push(id)
    }
  }
}

/** Begins a flow on a tab of its own. */
export function flow(id: string, tab: Record<string, unknown> = {}): FlowBuilder {
  return new FlowBuilder(id, tab)
}

/** Several flows as one estate, in order. */
export function estate(...flows: readonly FlowBuilder[]): EditorNode[] {
  return flows.flatMap((one) => one.nodes())
}
