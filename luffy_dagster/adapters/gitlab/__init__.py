"""GitLab by its REST API (python-gitlab): the few calls Luffy makes of a project, each with an error that names call and reason.

Not tried on a real GitLab: the tests meet a server of their own on loopback that does with a real repository what GitLab's
documentation says.
"""

from luffy_dagster.adapters.gitlab.errors import GitLabError
from luffy_dagster.adapters.gitlab.project import GitLabProject, Written, project_of

__all__ = ["GitLabError", "GitLabProject", "Written", "project_of"]
