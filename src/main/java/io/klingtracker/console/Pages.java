package io.klingtracker.console;

import io.quarkus.qute.CheckedTemplate;
import io.quarkus.qute.TemplateInstance;

/** The templates, each with what it shows. */
@CheckedTemplate(basePath = "console")
final class Pages {

  private Pages() {}

  static native TemplateInstance signIn(SignIn page);

  static native TemplateInstance tenants(Frame frame, TenantPage page);

  static native TemplateInstance task(Frame frame, TaskPage page);

  static native TemplateInstance tasks(Frame frame, TasksPage page);

  static native TemplateInstance row(Frame frame, TasksPage.Row row);
}
