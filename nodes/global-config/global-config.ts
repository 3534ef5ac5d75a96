import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'

export interface GlobalConfigConfig {
  readonly env: readonly { readonly name: string; readonly value: unknown; readonly type: string }[]
}

/** The environment that every flow sees. The compiler reads it. */
export const globalConfig = defineNode<GlobalConfigConfig, never>({
  type: 'global-config',
  category: 'debug',
  label: { en: 'global environment', 'zh-TW': '全域環境變數' },
  summary: { en: 'Holds the environment variables that every flow sees.', 'zh-TW': '保存所有流程可見的環境變數。' },
  stockForm: 'common/91-global-config',
  configNode: true,
  inputs: 0,
  outputs: [],
  config: {
    type: 'object',
    properties: {
      env: {
        type: 'array',
        default: [],
        items: { type: 'object', properties: { name: { type: 'string' }, type: { type: 'string' } }, required: ['name'] },
      },
      modules: { type: 'object', description: 'Modules of function nodes in stock Node-RED; not used.' },
    },
  },
  migrate: ({ env, ...rest }) => ({ ...rest, env: env ?? [] }),
  check(config) {
    const seen = new Set<string>()
    const problems: NodeProblem[] = []
    for (const { name } of config.env) {
      if (seen.has(name)) problems.push({ severity: 'warning', code: 'env.repeated', property: 'env', message: `The environment variable “${name}” is there twice; the last one counts.`, remedy: 'Remove one of the two.' })
      seen.add(name)
    }
    return problems
  },
})
