import type { JobProgress } from '../../runtime/core/jobs/jobs.ts'
import { unchanged } from '../../runtime/core/labels/labels.ts'
import { labelsOfValue } from '../../runtime/core/labels/of-value.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { checkTypedValue, compileTypedValue } from '../../runtime/core/values/typed-value.ts'
import { after, createReader } from '../shared/limits/limit-inputs.ts'

export interface JobProgressConfig {
  readonly percent: string | number
  readonly percentType: 'num' | 'msg' | 'jsonata'
  readonly text: string
  readonly textType: 'str' | 'msg' | 'jsonata'
}

const longestText = 200

/** Says how far a job is, to whoever asks for its status. */
export const jobProgress = defineNode<JobProgressConfig, 'out'>({
  type: 'job progress',
  category: 'transform',
  label: { en: 'job progress', 'zh-TW': '工作進度' },
  summary: { en: 'Says how far the job is that this run works on.', 'zh-TW': '說明本次執行所處理工作的進度。' },
  icon: 'fa-tasks',
  outputs: ['out'],
  leaks: ({ text, textType, percent, percentType }, input) => [{ to: 'answer', what: 'the progress of the job', property: 'text', labels: labelsOfValue(text, textType, input) }, { to: 'answer', what: 'how far the job is', property: 'percent', labels: labelsOfValue(percent, percentType, input) }],
  labels: unchanged,
  faults: ['expression.error'],
  config: {
    type: 'object',
    properties: {
      percent: { type: ['string', 'number'], default: '', title: 'Percent', description: '0 to 100. Empty: none is said.' },
      percentType: { enum: ['num', 'msg', 'jsonata'], default: 'num' },
      text: { type: 'string', default: '', title: 'Text', description: 'What is being done. At most 200 characters.' },
      textType: { enum: ['str', 'msg', 'jsonata'], default: 'str' },
    },
  },
  check({ percent, percentType, text, textType }) {
    const problems: (NodeProblem | undefined)[] = []
    if (String(percent) !== '') problems.push(checkTypedValue(percent, percentType, 'percent'))
    if (text !== '') problems.push(checkTypedValue(text, textType, 'text'))
    return problems.filter((problem) => problem !== undefined)
  },
  async compile({ percent, percentType, text, textType }, scope) {
    const none = await compileTypedValue('', 'str', scope)
    const read = createReader([String(percent) === '' ? none : await compileTypedValue(percent, percentType, scope), text === '' ? none : await compileTypedValue(text, textType, scope)])
    return function jobProgressStep(message, run) {
      const { job } = run
      if (!job) return { out: message } // nobody asks how far a call is
      return after(read(message, run), ([howFar, what]) => {
        job.progress(toProgress(howFar, what))
        return { out: message }
      })
    }
  },
})

function toProgress(howFar: unknown, what: unknown): JobProgress {
  const percent = howFar === '' || howFar === undefined || howFar === null ? Number.NaN : Number(howFar)
  const text = what === undefined || what === null ? '' : typeof what === 'object' ? JSON.stringify(what) : String(what)
  return { ...(Number.isFinite(percent) ? { percent: Math.min(100, Math.max(0, percent)) } : {}), ...(text === '' ? {} : { text: text.slice(0, longestText) }) }
}
