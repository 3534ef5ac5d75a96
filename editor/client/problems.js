// What a deploy was refused for, or warned about: said in sentences, and painted on the nodes.
(function () {
  const words = {
    en: {
      refused: 'Not deployed. What is live stays as it was.',
      warnings: 'Deployed, with remarks:',
      behind: 'Deployed. These gateways do not answer and are behind: ',
      close: 'Close',
      show: 'Show',
      role: 'Your roles do not allow this here: it needs somebody who may change this flow.',
    },
    'zh-TW': {
      refused: '未部署，目前上線的版本維持不變。',
      warnings: '已部署，但請留意：',
      behind: '已部署，但下列閘道沒有回應、版本落後：',
      close: '關閉',
      show: '顯示',
      role: '您的角色不允許此操作，須由可變更此流程的人執行。',
    },
  }
  const t = (key) => words[RED.i18n.lang() === 'zh-TW' ? 'zh-TW' : 'en'][key]

  /** What a problem is, in the reader's language; the server's English sentence, which names the place, is the detail. */
  function say(problem) {
    const { message, remedy = '' } = problem
    const known = RED.i18n.lang() === 'zh-TW' ? RED._(`sluiceProblems.${problem.code}`, { defaultValue: '' }) : ''
    return known ? { sentence: known, detail: message } : { sentence: message, detail: remedy }
  }

  /** Nodes we painted, with the status they had. */
  const painted = new Map()
  let notice
  /** Remarks of the last deploy, while they are shown: they make room when somebody goes on working. */
  let remarks
  /** What the stock editor said of the deploy before; beside a refusal it would contradict it. */
  let success

  function find(id) {
    // A node inside a subflow instance is called `instance-node`; the node itself is what can be shown.
    return RED.nodes.node(id) || RED.nodes.group(id) || RED.nodes.junction(id) || RED.nodes.subflow(id) || RED.nodes.workspace(id)
      || (id.includes('-') ? find(id.slice(id.lastIndexOf('-') + 1)) : null)
  }

  function clear() {
    for (const [node, before] of painted) {
      node.status = before.status
      delete node.sluiceProblem
      RED.editor.validateNode(node)
      redraw(node)
    }
    painted.clear()
    for (const tab of document.querySelectorAll('.sluice-tab-refused')) tab.classList.remove('sluice-tab-refused')
    if (notice) notice.close()
    notice = undefined
    if (success) success.close()
    success = undefined
    RED.view.redraw()
  }

  function redraw(node) {
    node.dirty = true
    node.dirtyStatus = true
  }

  function paint(problem) {
    const node = problem.node && find(problem.node)
    if (!node || node.type === 'tab' || node.type === 'subflow') return
    const said = say(problem)
    const sentence = `${said.sentence} ${said.detail}`.trim()
    if (!painted.has(node)) painted.set(node, { status: node.status })
    node.validationErrors = (node.sluiceProblem ? node.validationErrors : []).concat(sentence)
    node.valid = false
    node.sluiceProblem = true
    node.status = { fill: 'red', shape: 'dot', text: shorten(said.sentence) }
    redraw(node)
  }

  /** A flow that is not one's own: everything changed on it wears the mark, and so does its tab. */
  function paintFlow(problem) {
    const mine = problem.code === 'deploy.not_yours' || problem.code === 'deploy.no_organisation' || problem.code === 'deploy.claimed'
    if (!mine || !problem.flow) return
    for (const node of RED.nodes.filterNodes({ z: problem.flow })) if (node.changed && node.id !== problem.node) paint({ ...problem, node: node.id })
    const tab = document.getElementById(`red-ui-tab-${problem.flow}`)
    if (tab) tab.classList.add('sluice-tab-refused')
  }

  function shorten(text) {
    return text.length > 60 ? `${text.slice(0, 59)}…` : text
  }

  /** The sentences as a list; each names its node as a link to it. Text only: messages may quote what a user typed. */
  function list(problems) {
    const ul = $('<ul class="sluice-problems"></ul>')
    for (const problem of problems.slice(0, 20)) {
      const li = $('<li></li>').addClass(problem.severity === 'warning' ? 'sluice-warning' : 'sluice-error').appendTo(ul)
      const node = find(problem.node || problem.flow || '')
      if (node) {
        $('<a href="#"></a>').text(labelOf(node)).attr('aria-label', `${t('show')}: ${labelOf(node)}`).on('click', function (event) {
          event.preventDefault()
          RED.view.reveal(node.id)
        }).appendTo(li)
        li.append(document.createTextNode(' '))
      }
      const said = say(problem)
      $('<span></span>').text(said.sentence).appendTo(li)
      if (said.detail) $('<span class="sluice-remedy"></span>').text(` ${said.detail}`).appendTo(li)
    }
    if (problems.length > 20) $('<li></li>').text(`… +${problems.length - 20}`).appendTo(ul)
    return ul
  }

  function labelOf(node) {
    return node.label && node.type === 'tab' ? node.label : RED.utils.getNodeLabel(node, node.type)
  }

  function show(sentence, problems, type) {
    const body = $('<div class="sluice-notice" role="alert"></div>').append($('<p></p>').append($('<strong></strong>').text(sentence)))
    if (problems.length > 0) body.append(list(problems))
    const shown = RED.notify(body, { type, fixed: type === 'error', timeout: 12000, buttons: [{ text: t('close'), click: () => shown.close() }] })
    return shown
  }

  /** What a notice speaks of has to be seen beside it: nodes under it are scrolled out from there. */
  function uncover() {
    const box = $('.sluice-notice').last().closest('.red-ui-notification')[0]
    if (!box) return
    const { top, left, right, bottom } = box.getBoundingClientRect()
    const hidden = [...painted.keys()].map((node) => document.getElementById(node.id)).filter(Boolean).map((one) => one.getBoundingClientRect())
      .filter((one) => one.width > 0 && one.left < right && one.right > left && one.top < bottom && one.bottom > top)
    if (hidden.length === 0) return
    const chart = $('#red-ui-workspace-chart')
    chart.scrollTop(chart.scrollTop() + Math.max(...hidden.map((one) => one.bottom)) - top + 30)
  }

  /** Remarks of the last deploy: what was said once is not said at every deploy, nor after a reload. */
  const said = new Set(loadSaid())

  function loadSaid() {
    try {
      return JSON.parse(localStorage.getItem('sluice-said') || '[]')
    } catch {
      return []
    }
  }

  function saveSaid() {
    try {
      localStorage.setItem('sluice-said', JSON.stringify([...said]))
    } catch {
      // a browser without storage hears them again after a reload
    }
  }

  const keyOf = (problem) => [problem.code, problem.flow, problem.node, problem.message].join(' ')

  /** Control and gateways may find the same thing. */
  function distinct(problems) {
    return [...new Map(problems.map((problem) => [keyOf(problem), problem])).values()]
  }

  function refused(answer) {
    const problems = Array.isArray(answer.problems) ? answer.problems : []
    // Remarks wait until it is deployed: now only what stands in the way is of use.
    const errors = distinct(problems.filter((one) => one.severity === 'error'))
    for (const problem of errors) {
      paint(problem)
      paintFlow(problem)
    }
    RED.view.redraw()
    notice = show(problems.length > 0 ? t('refused') : `${t('refused')} ${answer.message || ''}`, errors, 'error')
    uncover()
  }

  /** Tabs that the server gave to an organisation: the next deploy says so itself. */
  function adopt(given) {
    for (const [id, organisation] of Object.entries(given || {})) {
      const flow = RED.nodes.workspace(id) || RED.nodes.subflow(id)
      if (!flow) continue
      const entry = { name: 'SLUICE_ORGANISATION', value: organisation, type: 'str' }
      if (flow.type === 'subflow') entry.ui = { type: 'hide' }
      flow.env = (flow.env || []).filter((one) => one.name !== entry.name).concat(entry)
    }
  }

  function accepted(answer) {
    adopt(answer.given)
    const all = distinct(Array.isArray(answer.warnings) ? answer.warnings : [])
    const fresh = all.filter((one) => !said.has(keyOf(one)))
    said.clear()
    for (const one of all) said.add(keyOf(one))
    saveSaid()
    if (fresh.length > 0) remarks = notice = show(t('warnings'), fresh.map((one) => ({ ...one, severity: 'warning' })), 'compact')
    if (Array.isArray(answer.behind) && answer.behind.length > 0) show(t('behind') + answer.behind.join(', '), [], 'warning')
  }

  // A refusal is shown by us; the stock editor would show the same answer as raw JSON.
  let swallow = false
  const stockNotify = RED.notify
  RED.notify = function (message, options) {
    if (swallow && (options === 'error' || (options && options.type === 'error')) && typeof message === 'string') {
      swallow = false
      return { close() {}, update() {}, showNotification() {}, hideNotification() {} }
    }
    const shown = stockNotify.apply(RED, arguments)
    if (options === 'success' || (options && options.type === 'success')) success = shown
    return shown
  }

  // Runs when the request is made, so that what it adds is called before what the editor adds.
  $.ajaxPrefilter(function (options, original, xhr) {
    if (/(^|\/)(inject|debug)\//.test(options.url) && (options.type || '').toUpperCase() === 'POST') {
      xhr.fail(function () {
        if (xhr.status !== 403 && xhr.status !== 401) return
        swallow = true
        setTimeout(() => {
          swallow = false
          RED.notify(t('role'), { type: 'warning', timeout: 4000 })
        }, 0)
      })
      return
    }
    if (!/(^|\/)flows$/.test(options.url) || (options.type || '').toUpperCase() !== 'POST') return
    clear()
    xhr.done((answer) => setTimeout(() => accepted(answer || {}), 0))
    xhr.fail(function () {
      if (xhr.status === 401 || xhr.status === 409 || !xhr.responseJSON || !xhr.responseJSON.message) return
      swallow = true
      setTimeout(() => {
        swallow = false
        refused(xhr.responseJSON)
      }, 0)
    })
  })

  RED.events.on('editor:open', function () {
    if (remarks) remarks.close()
    remarks = undefined
  })

  // Editing a painted node validates it anew, so its mark goes; the status it wore goes with it.
  RED.events.on('nodes:change', function (node) {
    const before = painted.get(node)
    if (!before) return
    painted.delete(node)
    delete node.sluiceProblem
    node.status = before.status
    redraw(node)
  })
})()
