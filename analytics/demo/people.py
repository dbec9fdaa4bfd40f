"""Names of the demo organization: invented people, none of whom exist."""

from __future__ import annotations

from typing import Final

# (e-mail name, full name, role)
MEMBERS: Final = (
    ("admin", "Helena Prado", "org_admin"),
    ("bruno", "Bruno Teles", "agent"),
    ("camila", "Camila Rios", "agent"),
    ("diego", "Diego Sampaio", "agent"),
    ("vera", "Vera Lopes", "viewer"),
)
DEPARTMENTS: Final = (
    ("Atendimento", "atendimento", "#0D9488", ("bruno", "camila", "diego")),
    ("Financeiro", "financeiro", "#B45309", ("diego",)),
    ("Exames", "exames", "#4F46E5", ("camila",)),
)
FIRST_NAMES: Final = (
    "Ana", "Beatriz", "Caio", "Daniela", "Eduardo", "Fernanda", "Gabriel", "Heloísa", "Igor", "Juliana",
    "Kátia", "Leonardo", "Mariana", "Nelson", "Olívia", "Paulo", "Quitéria", "Rafael", "Sônia", "Tiago",
    "Úrsula", "Vinícius", "Wagner", "Yasmin", "Zilda",
)  # fmt: skip
LAST_NAMES: Final = (
    "Almeida", "Barros", "Cardoso", "Duarte", "Esteves", "Ferraz", "Guimarães", "Holanda", "Ibarra", "Jardim",
    "Klein", "Lacerda", "Machado", "Nogueira", "Oliveira", "Pacheco", "Queiroz", "Ramos", "Siqueira", "Tavares",
    "Uchoa", "Vasconcelos", "Werneck", "Xavier", "Zanetti",
)  # fmt: skip
AREA_CODES: Final = ("11", "11", "11", "19", "21", "27", "31", "41", "51", "61", "71", "81", "85")
TAGS: Final = (("paciente", "#0D9488"), ("convênio", "#4F46E5"), ("particular", "#B45309"), ("retorno", "#64748B"))
