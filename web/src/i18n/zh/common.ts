import type { common as en } from '../en/common.ts';
import type { Translation } from '../translation.ts';

export const common: Translation<typeof en> = {
  skip: '跳到正文',
  nav: { label: '页面', chat: '对话', knowledge: '知识库', ops: '运维' },
  language: { label: '语言', en: 'English', zh: '中文' },
  theme: { label: '外观', system: '跟随系统', light: '浅色', dark: '深色' },
  action: {
    cancel: '取消',
    close: '关闭',
    copy: '复制',
    copied: '已复制',
    delete: '删除',
    retry: '重试',
    save: '保存',
    search: '搜索',
  },
  loading: '正在加载……',
  key: {
    title: 'API 密钥',
    why: '这台服务器需要密钥，请向管理员索取。',
    refused: '服务器不接受这个密钥。',
    label: '密钥',
    remember: '在这台设备上记住',
    submit: '继续',
    forget: '清除 API 密钥',
  },
  error: {
    title: '操作没有成功',
    request: '请求编号 {id}',
    retry_in: '请在 {seconds} 秒后重试。',
    offline: '当前没有网络。服务器上的任务仍在继续，恢复连接后会显示出来。',
    unreachable: '无法连接服务器。请确认服务器正在运行，并检查网络。',
    unknown: '页面出错：{message}',
    code: {
      unauthorized: '服务器需要 API 密钥，但没有提供或密钥有误。',
      forbidden: '这个密钥没有相应的权限。',
      origin_not_allowed: '服务器不接受来自这个地址的请求，需要把它加入 CORS_ORIGINS。',
      not_found: '服务器上已经没有这项内容。',
      too_many_waiting: '排队的任务太多，请稍后再试。',
      redis_unavailable: '服务器暂时连接不上数据库（Redis），请稍后再试。',
      draining: '服务器正在重启，请稍后再试。',
      internal_error: '服务器内部出错。可凭下面的请求编号查找原因。',
      http_error: '回应请求的不是 Sluice，而多半是它前面的代理。',
      unexpected_response: '返回的内容不是来自 Sluice。这个地址上运行的是别的程序吗？',
    },
  },
};
